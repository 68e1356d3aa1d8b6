import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderSnapshot } from '@feira/contracts/orders'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eachStatus, startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop({ OUTBOX_POLL_INTERVAL: '20ms' })
})
beforeEach(() => shop.resources.query({ text: 'truncate orders, order_history, chassis.outbox' }))
afterAll(() => shop[Symbol.asyncDispose]())

async function ask() {
  const requestId = newId()
  await shop.deliver(snapshotRequested, { requestId, kinds: ['order', 'user'], replyQueue: 'queries.on-snapshot' })
  await waitUntil('all are sent', async () => (await shop.published(snapshotCompleted)).length > 0)
  return requestId
}

test('orders of every state are sent as they are now', async () => {
  const placed = []
  for (const status of eachStatus) placed.push(await shop.orderIn(status))
  const requestId = await ask()
  const sent = await shop.published(orderSnapshot)
  expect(sent).toEqual(
    placed.map(order => ({
      orderId: order.id,
      version: order.version,
      status: order.status,
      userId: order.userId,
      customer: { name: 'Ana Souza', email: 'ana@example.com', locale: 'pt-BR' },
      items: order.items.map(({ productId, name, quantity, unitPriceCents }) => {
        return { productId, name, quantity, unitPriceCents }
      }),
      totalCents: order.totalCents,
      currency: 'BRL',
      createdAt: order.createdAt,
      changedAt: order.updatedAt,
      origin: null,
      requestId,
    })),
  )
  expect(await shop.published(snapshotCompleted)).toEqual([{ requestId, owner: 'orders', kind: 'order', count: 7 }])
})

test('of an order whose user was erased nobody is told', async () => {
  const { id, userId } = await shop.orderIn('paid')
  await shop.deliver(userDeleted, { userId: String(userId), version: 9, deletedAt: new Date().toISOString() })
  await ask()
  expect(await shop.published(orderSnapshot)).toMatchObject([{ orderId: id, userId, status: 'paid', customer: null }])
})

test('many orders are all sent, each once', async () => {
  await shop.resources.query({
    text: `insert into orders (id, status, total_cents, currency, version, created_at, updated_at)
           select gen_random_uuid(), 'reserved', n, 'BRL', 1, now(), now() from generate_series(1, 1100) as n`,
  })
  await ask()
  const sent = await shop.published(orderSnapshot)
  expect(new Set(sent.map(({ totalCents }) => totalCents)).size).toBe(1_100)
  expect(sent).toHaveLength(1_100)
  expect(await shop.published(snapshotCompleted)).toMatchObject([{ count: 1_100 }])
})
