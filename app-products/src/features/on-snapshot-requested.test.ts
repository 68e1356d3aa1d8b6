import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deliveries, openShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(() => shop.clear())
afterAll(() => shop[Symbol.asyncDispose]())

const replyQueue = 'orders.on-snapshot'
const request = (kinds: string[] = ['user', 'product']) => ({ requestId: newId(), kinds, replyQueue })

interface Reply extends Record<string, unknown> {
  readonly type: string
  readonly queue: string | null
  readonly cause: string
}

const replies = () =>
  shop.sql<Reply>(`select type, queue, headers ->> 'caused-by' as cause from chassis.outbox
                   where type in ('product.snapshot', 'snapshot.completed') order by id`)

test('all products for sale are sent as they are now, to the one who asked', async () => {
  const [coffee, tea, gone] = [await shop.create({ category: 'drinks' }), await shop.create(), await shop.create()]
  await shop.admin('PATCH', `/products/${tea.id}`, { price: 9.5 })
  await shop.admin('DELETE', `/products/${gone.id}`)
  await shop.admin('POST', `/products/${coffee.id}/stock`, { adjustment: -4, reason: 'broken' })
  const asked = request()
  const cause = await shop.deliver(snapshotRequested, asked)
  expect(await shop.published(productSnapshot)).toEqual(
    [
      { ...coffee, stock: 6, stockVersion: 2 },
      { ...tea, priceCents: 950, version: 2, updatedAt: expect.any(String) },
    ].map(product => ({
      requestId: asked.requestId,
      productId: product.id,
      version: product.version,
      sku: product.sku,
      name: product.name,
      priceCents: product.priceCents,
      currency: 'BRL',
      category: product.category,
      createdAt: product.createdAt,
      updatedAt: product.updatedAt,
      stock: { version: product.stockVersion, available: product.stock, reserved: product.reserved },
    })),
  )
  expect(await shop.published(snapshotCompleted)).toEqual([
    { requestId: asked.requestId, owner: 'products', kind: 'product', count: 2 },
  ])
  expect(await replies()).toEqual(
    ['product.snapshot', 'product.snapshot', 'snapshot.completed'].map(type => ({ type, queue: replyQueue, cause })),
  )
})

test('an empty catalogue is complete as well', async () => {
  await shop.deliver(snapshotRequested, request())
  expect(await shop.published(snapshotCompleted)).toMatchObject([{ count: 0 }])
})

test('whoever asks for other kinds is left to their owners', async () => {
  await shop.create()
  await shop.deliver(snapshotRequested, request(['user', 'products']))
  expect(await replies()).toEqual([])
})

test('a request is answered once', async () => {
  await shop.create()
  const [asked, messageId] = [request(), newId()]
  const before = await deliveries(shop)
  for (let time = 0; time < 2; time++) await shop.deliver(snapshotRequested, asked, { messageId })
  await shop.settled(before + 2)
  expect((await replies()).map(({ type }) => type)).toEqual(['product.snapshot', 'snapshot.completed'])
})

test('a catalogue of several pages is sent whole, page by page', async () => {
  await shop.sql(`
    insert into products (id, sku, name, price_cents, currency, available, reserved, stock_version, search_text, version,
      created_at, updated_at)
    select gen_random_uuid(), 'S-' || n, 'Product ' || n, n, 'BRL', 0, 0, 1, 's', 1, now(), now()
    from generate_series(1, 1201) as n`)
  await shop.deliver(snapshotRequested, request())
  await waitUntil('all are sent', async () => (await shop.published(snapshotCompleted)).length > 0)
  const sent = await shop.published(productSnapshot)
  expect(new Set(sent.map(({ sku }) => sku)).size).toBe(1201)
  expect(sent).toHaveLength(1201)
  expect(await shop.published(snapshotCompleted)).toMatchObject([{ count: 1201 }])
  // `created_at` is the time at which the transaction of a row began.
  const pages = await shop.sql(
    `select count(*)::int as rows from chassis.outbox where type = 'product.snapshot' group by created_at order by 1`,
  )
  expect(pages.map(({ rows }) => rows)).toEqual([201, 500, 500])
})
