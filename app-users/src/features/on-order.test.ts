import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countOrders } from '../users/order-counters.ts'
import { startReplica, startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const at = '2026-11-21T12:00:00.000Z'

function order(userId: string | null, totalCents = 1_000, orderId = newId()) {
  const data = (version: number) => ({
    orderId,
    userId,
    version,
    totalCents,
    currency: 'BRL',
    customer: null,
    items: [],
    createdAt: at,
  })
  return {
    created: () => users.deliver(orderCreated, { ...data(1), status: 'pending' }),
    reserved: () => users.deliver(orderReserved, { ...data(2), reservedAt: at }),
    paid: () => users.deliver(orderPaid, { ...data(3), paidAt: at }),
    shipped: () => users.deliver(orderShipped, { ...data(4), shippedAt: at }),
    completed: () => users.deliver(orderCompleted, { ...data(5), completedAt: at }),
    cancelled: () => users.deliver(orderCancelled, { ...data(3), reason: null, cancelledAt: at }),
    refunded: () => users.deliver(orderRefunded, { ...data(6), reason: null, refundedAt: at }),
  }
}

const read = async (id: string) => {
  const answer = await users.http.inject({ url: `/users/${id}`, headers: users.admin })
  return { ...answer.json().orders, etag: answer.headers.etag }
}

const stats = async () => (await users.http.inject({ url: '/users/stats', headers: users.admin })).json().orders

test('orders are counted as they go, and the tag of the user changes with them', async () => {
  const { id } = await users.register()
  const [one, two] = [order(id, 1_000), order(id, 200)]
  await one.created()
  expect(await read(id)).toEqual({ count: 1, completed: 0, spentCents: 0, etag: '"1.1"' })
  await one.paid()
  await two.created()
  expect(await read(id)).toMatchObject({ count: 2, completed: 0, spentCents: 1_000 })
  await one.completed()
  await two.cancelled()
  expect(await read(id)).toMatchObject({ count: 2, completed: 1, spentCents: 1_000 })
  await one.refunded()
  expect(await read(id)).toMatchObject({ count: 2, completed: 0, spentCents: 0 })
})

test('If-Match asks for the version alone, whatever was counted meanwhile', async () => {
  const { id, headers } = await users.register()
  const { etag: before } = await read(id)
  await order(id).created()
  const { etag } = await read(id)
  expect(etag).not.toBe(before)
  const change = (tag: string, name: string) =>
    users.http.inject({
      method: 'PATCH',
      url: `/users/${id}`,
      payload: { name },
      headers: { ...headers, 'if-match': tag },
    })
  expect((await change(before, 'Bea')).statusCode).toBe(200)
  expect((await change(etag, 'Cid')).statusCode).toBe(412)
  expect((await change((await read(id)).etag, 'Cid')).statusCode).toBe(200)
})

test('the other way round, and everything twice, the sums are the same', async () => {
  const { id } = await users.register()
  const { created, reserved, paid, shipped, completed } = order(id, 700)
  for (const event of [completed, shipped, paid, reserved, created, paid, completed]) await event()
  expect(await read(id)).toMatchObject({ count: 1, completed: 1, spentCents: 700 })
})

test('two replicas that hear of one order at once count it once', async () => {
  await using other = await startReplica(users)
  const { id } = await users.register()
  const orders = Array.from({ length: 20 }, () => order(id, 10))
  await Promise.all(orders.flatMap(({ created, reserved, paid }) => [paid(), created(), reserved()]))
  await waitUntil('all are counted', async () => (await read(id)).spentCents === 200)
  expect(await read(id)).toMatchObject({ count: 20, completed: 0, spentCents: 200 })
  expect(other.url).not.toBe(users.url)
})

test('two versions of a known order that are handled at the same moment are not added up', async () => {
  const { id } = await users.register()
  const orderId = newId()
  await order(id, 10, orderId).created()
  const state = (version: number, status: string) => [{ orderId, userId: id, version, status, totalCents: 10 }]
  const { transact, query } = users.resources
  let second: Promise<void> | undefined
  await transact(async tx => {
    await countOrders(tx, state(3, 'paid'))
    second = transact(other => countOrders(other, state(5, 'completed')))
    await waitUntil('the second waits for the first', async () => {
      const text = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      return (await query({ text })).rowCount === 1
    })
  })
  await second
  expect(await read(id)).toMatchObject({ count: 1, completed: 1, spentCents: 10 })
})

test('orders of nobody, and of a user who is not known, count in the total', async () => {
  const before = await stats()
  await order(null, 30).paid()
  await order(newId(), 12).completed()
  expect(await stats()).toEqual({
    count: before.count + 2,
    completed: before.completed + 1,
    spentCents: before.spentCents + 42,
  })
})

test('after a deletion the orders count in the total, for nobody, whatever arrives late', async () => {
  const { id } = await users.register()
  const [one, two, three] = [order(id, 5), order(id, 6), order(id, 7)]
  await one.paid()
  await two.created()
  const before = await stats()
  await users.http.inject({ method: 'DELETE', url: `/users/${id}`, headers: users.admin })
  const rowsOf = async () => {
    const text = `select (select count(*) from user_orders where user_id = $1) + (select count(*) from order_counters where user_id = $1) as count`
    return Number((await users.resources.query<{ count: string }>({ text, values: [id] })).rows[0]?.count)
  }
  await waitUntil('the orders are disowned', async () => (await rowsOf()) === 0)
  expect(await stats()).toEqual(before)
  await one.completed()
  await two.paid()
  await three.created()
  expect(await rowsOf()).toBe(0)
  expect(await stats()).toEqual({
    count: before.count + 1,
    completed: before.completed + 1,
    spentCents: before.spentCents + 6,
  })
})
