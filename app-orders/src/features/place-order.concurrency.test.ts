import { newId } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { asUser, startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
beforeEach(async () => {
  await orders.resources.query({ text: 'truncate orders, order_history, chassis.outbox, chassis.idempotency_keys' })
})
afterAll(() => orders[Symbol.asyncDispose]())

const place = (amount: number, headers: Record<string, string> = {}) =>
  orders.http.inject({ method: 'POST', url: '/orders', payload: { amount }, headers: { ...asUser(), ...headers } })

interface Written {
  readonly id: string
  readonly total_cents: string
  readonly versions: number
  readonly messages: number
  readonly transaction: string
}

async function written(): Promise<Written[]> {
  const { rows } = await orders.resources.query<Written & Record<string, unknown>>({
    text: `select id, total_cents, xmin::text as transaction,
             (select count(*)::int from order_history where order_id = id) as versions,
             (select count(*)::int from chassis.outbox where aggregate_id = orders.id::text) as messages
           from orders order by total_cents`,
  })
  return rows
}

async function countOf(table: string): Promise<number> {
  const { rows } = await orders.resources.query<{ count: number }>({ text: `select count(*)::int from ${table}` })
  return rows[0]?.count ?? -1
}

const requestsInFlight = async () =>
  (await orders.resources.metrics.getSingleMetric('http_requests_in_flight')?.get())?.values[0]?.value

const statementsWaiting = async () => {
  const { rows } = await orders.resources.query<{ count: number }>({
    text: `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  })
  return rows[0]?.count
}

/** Places orders that are written together: while a lock holds up the two statements in flight, the others queue. */
async function placeTogether(amounts: number[]) {
  const sending = await orders.resources.transact(async tx => {
    await tx.query({ text: 'lock table orders in share mode' })
    const heldUp: ReturnType<typeof place>[] = []
    for (const started of [1, 2]) {
      heldUp.push(place(0.01 * started))
      await waitUntil(`${started} statements wait`, async () => (await statementsWaiting()) === started)
    }
    const sent = amounts.map(amount => place(amount))
    await waitUntil('all have arrived', async () => (await requestsInFlight()) === heldUp.length + sent.length)
    return { heldUp, sent }
  })
  await Promise.all(sending.heldUp)
  return Promise.all(sending.sent)
}

const amounts = Array.from({ length: 60 }, (_, index) => index + 1)

test('200 orders at once are 200 orders, each with its history and its message', async () => {
  const sent = Array.from({ length: 200 }, (_, index) => index + 1)
  const answers = await Promise.all(sent.map(amount => place(amount)))
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(sent.map(() => 201))
  const ids = answers.map(answer => answer.json<{ id: string }>().id)
  expect(new Set(ids).size).toBe(200)

  const rows = await written()
  expect(rows.map(({ id, total_cents, versions, messages }) => ({ id, total_cents, versions, messages }))).toEqual(
    ids.map((id, index) => ({ id, total_cents: String((index + 1) * 100), versions: 1, messages: 1 })),
  )
  expect(await countOf('order_history')).toBe(200)
  expect(await countOf(`chassis.outbox where type = 'order.created'`)).toBe(200)
  const messages = await orders.published(orderCreated)
  expect(messages.map(({ orderId }) => orderId).toSorted()).toEqual(ids.toSorted())
  const totals = new Map(messages.map(({ orderId, totalCents }) => [orderId, totalCents]))
  expect(ids.map(id => totals.get(id))).toEqual(sent.map(amount => amount * 100))
})

test('orders that arrive together are committed together', async () => {
  const answers = await placeTogether(amounts)
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(amounts.map(() => 201))
  const rows = (await written()).slice(2)
  expect(rows).toHaveLength(60)
  expect(new Set(rows.map(({ transaction }) => transaction)).size).toBeLessThan(10)
})

test('of orders that arrive together one that cannot be written fails alone', async () => {
  await orders.resources.query({ text: 'alter table orders add constraint devilish check (total_cents <> 6666)' })
  try {
    const answers = await placeTogether([...amounts.slice(0, 30), 66.66, ...amounts.slice(30)])
    const [refused] = answers.splice(30, 1)
    expect(refused?.statusCode).toBe(500)
    expect(refused?.json()).toMatchObject({ code: 'internal-error' })
    expect(refused?.body).not.toContain('devilish')
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(amounts.map(() => 201))
    const rows = (await written()).slice(2)
    expect(rows.map(({ id }) => id)).toEqual(answers.map(answer => answer.json().id))
    expect(rows.every(({ versions, messages }) => versions === 1 && messages === 1)).toBe(true)
    // Not void: most of them did share a statement with the bad one and were written again alone.
    expect(new Set(rows.map(({ transaction }) => transaction)).size).toBeGreaterThan(30)
    expect(await countOf('order_history')).toBe(62)
    expect(await countOf(`chassis.outbox where type = 'order.created'`)).toBe(62)
  } finally {
    await orders.resources.query({ text: 'alter table orders drop constraint devilish' })
  }
})

test('one that cannot be written fails alone among requests with keys, too, and leaves its key unused', async () => {
  await orders.resources.query({ text: 'alter table orders add constraint devilish check (total_cents <> 6666)' })
  const sent = [...amounts, 66.66].map(amount => ({ amount, headers: { 'idempotency-key': newId() } }))
  try {
    const answers = await Promise.all(sent.map(({ amount, headers }) => place(amount, headers)))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...amounts.map(() => 201), 500])
    expect(await countOf('chassis.idempotency_keys')).toBe(60)
    expect(await countOf('orders')).toBe(60)
  } finally {
    await orders.resources.query({ text: 'alter table orders drop constraint devilish' })
  }
  const again = await place(66.66, sent.at(-1)?.headers)
  expect(again.statusCode).toBe(201)
  expect(again.headers).not.toHaveProperty('idempotency-replayed')
})
