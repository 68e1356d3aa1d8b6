import { newId, type Resources } from '@feira/chassis'
import { asPartner } from '@feira/chassis/testing'
import { partnersEvent } from '@feira/contracts/partners'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Config } from '../config.ts'
import { aReturn, aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'
import { buryAbandonedEvents } from './bury-abandoned-events.ts'

let intake: Intake

beforeAll(async () => {
  intake = await startIntake()
})
afterAll(() => intake[Symbol.asyncDispose]())

const partnerId = newId()
const headers = asPartner(partnerId, { name: 'Loja Azul' })
const smooth = ['received', 'validated', 'enriched', 'processed', 'distributed']

describe('an attempt', () => {
  test('of a sale commands an order', async () => {
    const id = await intake.accepted({ ...aSale, dados: { ...aSale.dados, valor: '59.9' } }, headers)
    const { history } = await intake.becomes(id, 'distributed')
    expect(history.map(({ status }) => status)).toEqual(smooth)
    expect(history.map(({ at }) => at)).toEqual(history.map(({ at }) => at).toSorted())
    const wanted = { product: 'CAFE-250', quantity: 2, totalCents: 5990 }
    const payload = { eventId: id, partnerId, partnerName: 'Loja Azul', ...wanted }
    expect(await intake.commandsOf(id)).toEqual([{ type: 'partner.sale', payload }])
  })

  test('of a stock update commands a stock', async () => {
    const id = await intake.accepted(aStockUpdate, headers)
    await intake.becomes(id, 'distributed')
    const payload = { eventId: id, partnerId, product: 'CAFE-250', quantity: 40 }
    expect(await intake.commandsOf(id)).toEqual([{ type: 'partner.stock-update', payload }])
  })

  test('names the request as what its command comes from: one conversation, one trace', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const traced = { ...headers, traceparent: `00-${trace}-b7ad6b7169203331-01`, 'x-correlation-id': newId() }
    const id = await intake.accepted(aSale, traced)
    await intake.becomes(id, 'distributed')
    const { rows } = await intake.resources.query<{ type: string; trace: string }>({
      text: `select type, substr(headers->>'traceparent', 4, 32) as trace from chassis.outbox where aggregate_id = $1 order by id`,
      values: [id],
    })
    expect(rows).toEqual([
      { type: 'partners.event', trace },
      { type: 'partner.sale', trace },
    ])
  })

  test('that is ordered twice is made once', async () => {
    const id = await intake.accepted(aSale, headers)
    await intake.becomes(id, 'distributed')
    await intake.deliver(partnersEvent, { eventId: id, partnerId })
    expect(await intake.history(id)).toEqual(smooth)
    expect(await intake.commandsOf(id)).toHaveLength(1)
  })

  test('of an event whose data was erased meanwhile ends it', async () => {
    const id = newId()
    await intake.resources.query({
      text: `insert into events (id, partner_id, kind, content_hash, state, received_at, updated_at)
             values ($1, $2, 'sale', '', 'received', now(), now())`,
      values: [id, partnerId],
    })
    await intake.deliver(partnersEvent, { eventId: id, partnerId })
    expect(await intake.becomes(id, 'refused')).toMatchObject({ outcome: { code: 'data-invalid' } })
  })
})

describe('a return', () => {
  test.each([['event'], ['order']])("finds its sale by the id of the sale's %s", async by => {
    const sale = await intake.sold(headers)
    const id = await intake.accepted(aReturn(by === 'event' ? sale.id : sale.orderId.toUpperCase()), headers)
    expect(await intake.becomes(id, 'distributed')).toMatchObject({ orderId: sale.orderId })
    const payload = { eventId: id, partnerId, orderId: sale.orderId, reason: 'arrived broken' }
    expect(await intake.commandsOf(id)).toEqual([{ type: 'partner.return', payload }])
  })

  test.each([
    ['unknown', async () => newId()],
    ['of another partner', async () => (await intake.sold(asPartner(newId()))).id],
    ['of another partner, by its order', async () => (await intake.sold(asPartner(newId()))).orderId],
    ['no sale', () => intake.accepted(aStockUpdate, headers)],
  ])('of a sale that is %s is refused', async (_what, saleOf) => {
    const id = await intake.accepted(aReturn(await saleOf()), headers)
    const { outcome, history } = await intake.becomes(id, 'refused')
    expect(outcome).toMatchObject({ code: 'sale-unknown' })
    expect(history.map(({ status }) => status)).toEqual(['received', 'validated', 'refused'])
    expect(await intake.commandsOf(id)).toEqual([])
  })

  test('of a sale that was refused is refused', async () => {
    const sale = await intake.accepted(aSale, headers)
    await intake.refused(sale)
    const id = await intake.accepted(aReturn(sale), headers)
    expect(await intake.becomes(id, 'refused')).toMatchObject({ outcome: { code: 'sale-refused' } })
  })

  test('of a sale whose order is not known yet waits for it', async () => {
    const sale = await intake.accepted(aSale, headers)
    const id = await intake.accepted(aReturn(sale), headers)
    const { history } = await intake.becomes(id, 'retrying')
    expect(history.at(-1)?.detail).toContain(sale)
    const orderId = await intake.placed(sale)
    expect(await intake.becomes(id, 'distributed')).toMatchObject({ orderId })
    expect((await intake.read(sale)).status).toBe('distributed')
  })

  test('of a sale whose order never comes to be known dies of it', async () => {
    const id = await intake.accepted(aReturn(await intake.accepted(aSale, headers)), headers)
    expect(await intake.becomes(id, 'dead')).toMatchObject({ attempts: 4, outcome: { code: 'sale-not-placed' } })
    const tried = ['validated', 'retrying', 'validated', 'retrying', 'validated', 'retrying', 'validated', 'dead']
    expect(await intake.history(id)).toEqual(['received', ...tried])
  })
})

describe('an attempt that fails', () => {
  const broken = { ...aSale, dados: { ...aSale.dados, produto_id: 'BROKEN' } }
  const breakDown = (...states: string[]) =>
    intake.resources.query({
      text: `create function break_down() returns trigger language plpgsql as $$ begin
               if new.state in ('${['distributed', ...states].join("', '")}') and 'BROKEN' = (select data->>'produto_id' from events where id = new.event_id)
               then raise exception 'secret reason'; end if; return new; end $$;
             create trigger break_down before insert on event_steps for each row execute function break_down()`,
    })
  const repair = () => intake.resources.query({ text: 'drop function if exists break_down cascade' })
  afterEach(repair)

  test('is noted, costs its neighbours nothing, and is made again', async () => {
    await breakDown()
    const answer = await intake.send('POST', '/batch', [aSale, aSale, broken, aSale, aStockUpdate], headers)
    const ids = answer.json<{ items: { id: string }[] }>().items.map(({ id }) => id)
    const bad = ids[2] as string
    await intake.becomes(bad, 'retrying')
    for (const id of ids.filter(each => each !== bad)) await intake.becomes(id, 'distributed')
    await repair()
    const { history, attempts } = await intake.becomes(bad, 'distributed')
    expect(history.map(({ status }) => status).slice(0, 2)).toEqual(['received', 'retrying'])
    expect(history.map(({ status }) => status).slice(-4)).toEqual(smooth.slice(1))
    expect(attempts).toBeGreaterThan(1)
    expect(JSON.stringify(history)).not.toContain('secret')
    for (const id of ids) expect(await intake.commandsOf(id)).toHaveLength(1)
  })

  test('four times kills the event; its history tells each of them', async () => {
    await breakDown()
    const id = await intake.accepted(broken, headers)
    const event = await intake.becomes(id, 'dead')
    expect(event).toMatchObject({ attempts: 4, outcome: { code: 'internal-error' } })
    expect(await intake.history(id)).toEqual(['received', 'retrying', 'retrying', 'retrying', 'dead'])
    expect(await intake.commandsOf(id)).toEqual([])
    const { rows } = await intake.resources.query({ text: 'select 1 from chassis.dead_letters' })
    expect(rows).toEqual([])
  })

  test('so badly that it cannot be noted is a dead letter, and the event is dead too, until it is retried', async () => {
    await breakDown('retrying')
    const id = newId()
    await intake.resources.query({
      text: `insert into events (id, partner_id, kind, data, content_hash, state, received_at, updated_at)
             values ($1, $2, 'sale', $3, '', 'received', now(), now())`,
      values: [id, partnerId, broken.dados],
    })
    await intake.deliver(partnersEvent, { eventId: id, partnerId }, { headers: { 'x-attempt': 4, 'aggregate-id': id } })
    expect(await intake.becomes(id, 'dead')).toMatchObject({ attempts: 0, outcome: { code: 'internal-error' } })
    await repair()
    expect((await intake.send('POST', `/${id}/retry`, undefined, headers)).statusCode).toBe(202)
    await intake.becomes(id, 'distributed')
    // Its dead letter is still there, and older than the message that a retried event waits for.
    const waits = `update events set state = 'retrying', due_at = null, updated_at = now() where id = $1`
    await intake.resources.query({ text: waits, values: [id] })
    await buryAbandonedEvents.run(intake.resources as Resources<Config>, AbortSignal.timeout(10_000))
    expect((await intake.read(id)).status).toBe('retrying')
  })
})
