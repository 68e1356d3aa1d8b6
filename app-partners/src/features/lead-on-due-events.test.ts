import { waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aSale, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake

beforeAll(async () => {
  intake = await startIntake({ PARTNER_ANSWER_TIMEOUT: '200ms' })
})
afterAll(() => intake[Symbol.asyncDispose]())

test('an event that cannot be led on holds up no other, and is tried again after a while', async () => {
  const broken = { ...aSale, dados: { ...aSale.dados, produto_id: 'BROKEN' } }
  await intake.resources.query({
    text: `create function break_down() returns trigger language plpgsql as $$ begin
             if new.state in ('retrying', 'dead') and 'BROKEN' = (select data->>'produto_id' from events where id = new.event_id)
             then raise exception 'secret reason'; end if; return new; end $$;
           create trigger break_down before insert on event_steps for each row execute function break_down()`,
  })
  const bad = await intake.accepted(broken)
  await waitUntil('the answer for the bad one is overdue', async () => {
    const { rowCount } = await intake.resources.query({
      text: 'select 1 from events where id = $1 and due_at < now()',
      values: [bad],
    })
    return rowCount === 1
  })
  const good = await intake.accepted(aSale)
  await intake.becomes(good, 'dead')
  expect((await intake.read(bad)).status).toBe('distributed')
  await intake.resources.query({ text: 'drop function break_down cascade' })
  await intake.becomes(bad, 'dead')
})
