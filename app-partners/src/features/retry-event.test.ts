import { newId, startService } from '@feira/chassis'
import { asPartner, waitUntil } from '@feira/chassis/testing'
import { partnersEvent } from '@feira/contracts/partners'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { admin, aReturn, aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake

// Nobody answers in time here. Dying takes a while, so all that is to be dead dies at once.
const dead: string[] = []
beforeAll(async () => {
  intake = await startIntake({ PARTNER_ANSWER_TIMEOUT: '100ms' })
  for (let count = 0; count < 9; count++) dead.push(await intake.accepted(aSale))
  for (const id of dead) await intake.becomes(id, 'dead')
})
afterAll(() => intake[Symbol.asyncDispose]())

const retry = (id: string, headers = asPartner()) => intake.send('POST', `/${id}/retry`, undefined, headers)
const attempt = ['validated', 'enriched', 'processed', 'distributed']

/** An event that is dead, for one test. */
function died(): string {
  const id = dead.pop()
  if (id === undefined) throw new Error('more dead events are needed')
  return id
}

/** What the metrics say of returns, once nothing is left to be counted. */
async function returnsCounted() {
  const changes = `select 1 from event_tally_changes where kind = 'return'`
  await waitUntil('all is counted', async () => (await intake.resources.query({ text: changes })).rowCount === 0)
  const metrics = await intake.resources.metrics.metrics()
  const of = (name: string) => Number(new RegExp(`^${name}{.*type="return".*} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0)
  return {
    received: of('events_received_total'),
    processed: of('events_processed_total'),
    failed: of('events_failed_total'),
    timed: of('processing_duration_seconds_count'),
  }
}

describe('while app-orders is away', () => {
  test('the same command is sent again, four times in all, then the event is dead', async () => {
    const id = died()
    const again = ['retrying', ...attempt]
    expect(await intake.history(id)).toEqual(['received', ...attempt, ...again, ...again, ...again, 'dead'])
    const event = await intake.read(id)
    expect(event).toMatchObject({
      attempts: 4,
      outcome: { code: 'no-answer', detail: 'Nobody answered within 0.1 s.' },
    })
    const [command, ...others] = await intake.commandsOf(id)
    expect(others).toEqual([command, command, command])
  })

  test('a dead event that is retried by hand is completed when app-orders is back', async () => {
    const id = died()
    const answer = await retry(id)
    expect([answer.statusCode, answer.json()]).toEqual([202, { id, status: 'retrying' }])
    expect(answer.headers.location).toBe(`/events/${id}`)
    await waitUntil('the command is sent again', async () => (await intake.commandsOf(id)).length === 5)
    await intake.reserved(id)
    const { status, attempts, history } = await intake.read(id)
    expect({ status, attempts }).toEqual({ status: 'completed', attempts: expect.any(Number) as number })
    expect(attempts).toBeLessThan(4)
    expect(history).toContainEqual(expect.objectContaining({ status: 'retrying', detail: 'Asked for by hand.' }))
  })

  test('a dead event that is retried in vain has another four attempts', async () => {
    const id = died()
    expect((await retry(id, admin)).statusCode).toBe(202)
    await intake.becomes(id, 'dead')
    expect(await intake.commandsOf(id)).toHaveLength(8)
  })
})

test('an answer between two attempts ends them', async () => {
  const id = await intake.accepted(aStockUpdate)
  await intake.becomes(id, 'retrying')
  await intake.adjusted(id)
  await intake.deliver(partnersEvent, { eventId: id, partnerId: newId() })
  const event = await intake.read(id)
  expect(event.status).toBe('completed')
  expect(event.history.at(-1)?.status).toBe('completed')
})

test.each([
  ['yes', 'completed', (id: string) => intake.reserved(id)],
  ['no', 'refused', (id: string) => intake.refused(id)],
] as const)('a late %s wins over death', async (_what, state, answer) => {
  const id = died()
  const { settledAt } = await intake.read(id)
  await answer(id)
  expect(await intake.read(id)).toMatchObject({ status: state, settledAt })
})

describe('a retry by hand', () => {
  test.each([
    ['completed', (id: string) => intake.reserved(id)],
    ['refused', (id: string) => intake.refused(id)],
  ] as const)('of an event that is %s is refused, naming the state', async (state, answer) => {
    const id = await intake.accepted(aSale)
    await answer(id)
    const refusal = await retry(id)
    expect(refusal.json()).toMatchObject({ status: 409, code: 'invalid-transition' })
    expect(refusal.json<{ detail: string }>().detail).toContain(state)
  })

  test('many times at once begins one attempt', async () => {
    const id = died()
    const answers = await Promise.all(Array.from({ length: 8 }, () => retry(id)))
    expect(answers.filter(({ statusCode }) => statusCode === 202)).toHaveLength(1)
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(7)
  })

  test('with an Idempotency-Key answers the same again', async () => {
    const id = died()
    const headers = { ...asPartner(), 'idempotency-key': newId() }
    const answers = [await retry(id, headers), await retry(id, headers)]
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202])
  })

  test('of an event that is unknown or of another partner is not found', async () => {
    const id = await intake.accepted(aSale)
    const answers = [await retry(newId()), await retry(id, asPartner(newId()))]
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([404, 404])
    expect((await retry('x')).statusCode).toBe(400)
  })
})

test('an event that died counts as failed, once, whatever becomes of it later', async () => {
  const before = await returnsCounted()
  const sale = await intake.accepted(aSale)
  const id = await intake.accepted(aReturn(sale))
  await intake.becomes(id, 'dead')
  await retry(id)
  await intake.becomes(id, 'dead')
  await intake.cancelled({ causedBy: id })
  await intake.becomes(id, 'completed')
  // Counted after all of that.
  await intake.becomes(await intake.accepted(aReturn(newId())), 'refused')
  await waitUntil('the last is counted', async () => (await returnsCounted()).processed > before.processed)
  const { received, processed, failed, timed } = before
  expect(await returnsCounted()).toEqual({
    received: received + 2,
    processed: processed + 1,
    failed: failed + 1,
    timed: timed + 2,
  })
})

test('a return waits for a sale that is slow', async () => {
  const sale = died()
  const id = await intake.accepted(aReturn(sale))
  await intake.becomes(id, 'dead')
  const orderId = await intake.reserved(sale)
  await retry(id)
  await waitUntil('the return is commanded', async () => (await intake.commandsOf(id)).length > 0)
  expect(await intake.read(id)).toMatchObject({ orderId })
})

test('with two replicas every event has its attempts once', async () => {
  const other = await startService(service, intake.env)
  try {
    const answer = await intake.send(
      'POST',
      '/batch',
      Array.from({ length: 60 }, () => aSale),
    )
    const ids = answer.json<{ items: { id: string }[] }>().items.map(({ id }) => id)
    for (const id of ids) await intake.becomes(id, 'dead')
    for (const id of ids) expect(await intake.commandsOf(id)).toHaveLength(4)
  } finally {
    await other.stop()
  }
})
