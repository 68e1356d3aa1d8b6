import { newId, startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { invoiceIssued, invoiceVoided } from '@feira/contracts/invoices'
import { orderCancelled, orderCreated } from '@feira/contracts/orders'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { numbersTo, openInvoicing, outcomes, type Invoicing } from '../testing/invoicing.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
afterEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

const order = (totalCents = 2999) => ({ ...orderCreated.example, orderId: newId(), totalCents })

describe('a malformed message is parked at once and holds nobody up', () => {
  const goods = () => Array.from({ length: 10 }, () => order())
  const text = (fields: object) => JSON.stringify({ ...order(), ...fields })
  const { totalCents: _, ...withoutTotal } = order()

  test.each<[string, string, RegExp, object?]>([
    ['no JSON', '{"orderId": ', /body is not JSON/],
    ['nothing', '', /body is not JSON/],
    ['not an object', '[]', /body does not fit order.created/],
    ['null', 'null', /body does not fit order.created/],
    ['a field missing', JSON.stringify(withoutTotal), /totalCents/],
    ['an order id that is none', text({ orderId: '42' }), /orderId/],
    ['a total that is no amount', text({ totalCents: -1 }), /totalCents/],
    ['a total that is text', text({ totalCents: '2999' }), /totalCents/],
    ['a currency that is none', text({ currency: 'REAL' }), /currency/],
    ['a version that is none', text({ version: 0 }), /version/],
    ['U+0000', `"a\0b"`, /body is not JSON/],
    ['another type', text({}), /type is order.cancelled, not order.created/, { type: 'order.cancelled' }],
    ['a type of an unknown version', text({}), /type is order.created.v2/, { type: 'order.created.v2' }],
  ])('%s', async (_what, body, error, options) => {
    const [id] = await Promise.all([
      invoices.deliverRaw(orderCreated, body, options),
      ...goods().map(data => invoices.deliver(orderCreated, data)),
    ])
    expect(await invoices.numbers()).toEqual(numbersTo(10))
    const letters = await invoices.deadLetters()
    expect(letters).toMatchObject([{ message_id: id, reason: 'malformed', attempts: 1, replayed_at: null }])
    expect(letters[0]?.['error']).toMatch(error)
    expect(letters[0]?.['queue']).toBe(`${invoices.env['BROKER_NAMESPACE']}invoices.on-order-created`)
    expect(letters[0]?.['payload']).toBe(body.replace('\0', '\uFFFD'))
  })

  test('in the middle of a burst, also without an id', async () => {
    const handled = await outcomes(invoices, 'handled')
    const bad = { ...order(), totalCents: 0 }
    const [some, others] = [goods(), goods()]
    await invoices.burst([
      ...some.map(data => ({ data })),
      { data: bad },
      { id: '', data: order() },
      ...others.map(data => ({ data })),
    ])
    await waitUntil('two are dead', async () => (await invoices.deadLetters()).length === 2)
    await waitUntil('the others are handled', async () => (await outcomes(invoices, 'handled')) === handled + 20)
    expect(await invoices.numbers()).toEqual(numbersTo(20))
    const letters = (await invoices.deadLetters()).map(({ message_id, reason, error }) => ({
      message_id,
      reason,
      error,
    }))
    expect(letters).toEqual(
      expect.arrayContaining([
        { message_id: expect.any(String), reason: 'malformed', error: expect.stringContaining('totalCents') },
        {
          message_id: expect.stringMatching(/^content-/),
          reason: 'malformed',
          error: 'property messageId is missing',
        },
      ]),
    )
  })

  test('and is not replayed, since it would only die again', async () => {
    await invoices.deliverRaw(orderCreated, '{}')
    const [letter] = await invoices.deadLetters()
    const answer = await invoices.ops('POST', `/${letter?.['id']}/replay`)
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'not-replayable' })
    expect((await invoices.ops('POST', '/replay', { all: true })).json()).toEqual({ replayed: 0 })
    expect((await invoices.ops('DELETE', `/${letter?.['id']}`)).statusCode).toBe(204)
    expect(await invoices.deadLetters()).toEqual([])
  })
})

describe('a message whose handling fails', () => {
  test('twice and then works is invoiced, after three attempts and without a gap', async () => {
    await invoices.failOn666(`if nextval('attempts') <= 2 then raise exception 'not yet'; end if;`)
    const retried = await outcomes(invoices, 'retried')
    await invoices.deliver(orderCreated, order())
    await invoices.deliver(orderCreated, order(666))
    await invoices.deliver(orderCreated, order())
    expect(await invoices.numbers()).toEqual(numbersTo(3))
    expect(await invoices.sql('select last_value::int as attempts from attempts')).toEqual([{ attempts: 3 }])
    expect(await outcomes(invoices, 'retried')).toBe(retried + 2)
    expect(await invoices.deadLetters()).toEqual([])
    expect(await invoices.published(invoiceIssued)).toHaveLength(3)
  })

  test('in a burst costs its neighbours neither an attempt nor their numbers', async () => {
    await invoices.failOn666(`raise exception 'never';`)
    const [retried, handled] = [await outcomes(invoices, 'retried'), await outcomes(invoices, 'handled')]
    const sent = Array.from({ length: 60 }, (_, index) => ({ data: order(index === 30 ? 666 : 2999) }))
    await invoices.burst(sent)
    await waitUntil('it is dead', async () => (await invoices.deadLetters()).length === 1)
    await waitUntil('the others are handled', async () => (await outcomes(invoices, 'handled')) === handled + 59)
    expect(await invoices.numbers()).toEqual(numbersTo(59))
    expect(await outcomes(invoices, 'retried')).toBe(retried + 2)
  })

  test('always is dead after the last attempt, and replayed when the cause is mended', async () => {
    await invoices.failOn666(`perform nextval('attempts'); raise exception 'the printer is on fire';`)
    const data = order(666)
    const id = await invoices.deliver(orderCreated, data, { correlationId: 'conversation-1' })
    expect(await invoices.sql('select last_value::int as attempts from attempts')).toEqual([{ attempts: 3 }])
    const [letter] = await invoices.deadLetters()
    expect(letter).toMatchObject({
      message_id: id,
      reason: 'attempts-exhausted',
      attempts: 3,
      error: 'the printer is on fire',
    })
    expect(JSON.parse(letter?.['payload'])).toEqual(data)
    expect(await invoices.numbers()).toEqual([])

    await invoices.sql('drop function fail cascade')
    const answer = await invoices.ops('POST', `/${letter?.['id']}/replay`)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ replayed: 1 })
    await waitUntil('it is invoiced', async () => (await invoices.numbers()).length === 1)
    expect(await invoices.numbers()).toEqual(numbersTo(1))
    expect((await invoices.deadLetters())[0]?.['replayed_at']).toBeInstanceOf(Date)
    const [published] = await invoices.sql(`select headers from chassis.outbox where type = 'invoice.issued'`)
    expect(published?.['headers']).toMatchObject({ 'caused-by': id, 'correlation-id': 'conversation-1' })
    expect((await invoices.ops('POST', `/${letter?.['id']}/replay`)).statusCode).toBe(409)
  })

  test('again after a replay is dead again, beside the first', async () => {
    await invoices.failOn666(`raise exception 'still broken';`)
    const id = await invoices.deliver(orderCreated, order(666))
    const [first] = await invoices.deadLetters()
    await invoices.ops('POST', `/${first?.['id']}/replay`)
    await waitUntil('it is dead again', async () => (await invoices.deadLetters()).length === 2)
    expect(await invoices.deadLetters()).toMatchObject([
      { message_id: id, attempts: 3, replayed_at: expect.any(Date) },
      { message_id: id, attempts: 3, replayed_at: null },
    ])
    expect((await invoices.ops('GET', '')).json().groups).toMatchObject([{ count: 1 }])
  })
})

test('two instances, hundreds of orders, some cancelled, some poisonous: no gap, no number twice', async () => {
  await invoices.failOn666(`raise exception 'never';`)
  const other = await startService(service, { ...invoices.env, PORT: '0' })
  try {
    await waitUntil('it takes messages', async () => (await other.http.inject('/ready')).statusCode === 200)
    const orders = Array.from({ length: 300 }, (_, index) => order(index % 60 === 30 ? 666 : 2999))
    const cancelled = orders.filter(({ totalCents }, index) => index % 5 === 0 && totalCents !== 666)
    const cancel = ({ orderId }: { orderId: string }) => ({ ...orderCancelled.example, orderId })
    const messages = orders.flatMap((data, index) => {
      const told = [{ type: 'order.created', data: data as object }]
      if (!cancelled.includes(data)) return told
      const cancellation = { type: 'order.cancelled', data: cancel(data) }
      return index % 2 === 0 ? [...told, cancellation] : [cancellation, ...told]
    })
    for (let start = 0; start < messages.length; start += 30) await invoices.burst(messages.slice(start, start + 30))
    await waitUntil('the poison is dead', async () => (await invoices.deadLetters()).length === 5)
    await waitUntil('the others are issued', async () => (await invoices.numbers()).length === 295)
    const voids = () => invoices.sql(`select order_id from invoices where status = 'void'`)
    await waitUntil('the cancelled ones are void', async () => (await voids()).length === cancelled.length)
    expect(await invoices.numbers()).toEqual(numbersTo(295))
    const published = await invoices.published(invoiceIssued)
    expect(published.map(({ number }) => number).toSorted()).toEqual(numbersTo(295))
    const given = new Map(published.map(({ orderId, number }) => [orderId, number]))
    for (const { orderId, number } of await invoices.published(invoiceVoided)) expect(number).toBe(given.get(orderId))
  } finally {
    await other.stop()
  }
})

test('a lost connection costs no message an attempt, no invoice and no number', async () => {
  // Slow enough to be hit in the middle.
  await invoices.sql(
    'create function fail() returns trigger language plpgsql as $$ begin perform pg_sleep(0.03); return null; end $$',
  )
  await invoices.sql('create trigger fail after insert on invoices for each statement execute function fail()')
  const before = { retried: await outcomes(invoices, 'retried'), dead: await outcomes(invoices, 'dead') }
  let hits = 0
  for (let round = 1; round <= 10; round++) {
    const areIssued = async () => (await invoices.numbers()).length === round * 15
    await invoices.burst(Array.from({ length: 15 }, () => ({ data: order() })))
    await waitUntil('a statement is hit', async () => {
      const hit = await breakConnections()
      hits += hit
      return hit > 0 || areIssued()
    })
    await waitUntil('all are issued', areIssued)
  }
  expect(hits).toBeGreaterThan(5)
  expect(await invoices.numbers()).toEqual(numbersTo(150))
  expect(await invoices.published(invoiceIssued)).toHaveLength(150)
  expect({ retried: await outcomes(invoices, 'retried'), dead: await outcomes(invoices, 'dead') }).toEqual(before)
})

/** Ends the connections that are just issuing invoices. @returns how many. */
async function breakConnections(): Promise<number> {
  const ended = await invoices.sql(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state = 'active' and query like '%with fresh as%'`)
  return ended.length
}
