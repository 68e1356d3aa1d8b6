import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderReserved, partnerSale } from '@feira/contracts/orders'
import { productDeleted } from '@feira/contracts/products'
import { userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createdBy, ordersOf, refusalsOf, sale, sell } from '../testing/partner.ts'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop({ OUTBOX_POLL_INTERVAL: '20ms' })
})
afterAll(() => shop[Symbol.asyncDispose]())

const newSku = () => `SKU-${newId()}`.toUpperCase()

/** Sends a sale and waits until it is decided. */
async function decide(sold: ReturnType<typeof sale>) {
  await shop.deliver(partnerSale, sold)
  const isDecided = async () => (await ordersOf(shop, sold.eventId)) + (await refusalsOf(shop, sold.eventId)).length > 0
  await waitUntil('it is decided', isDecided)
}

test('a sale becomes an order of its partner, at the price of the catalogue, without anybody to write to', async () => {
  const sku = newSku()
  const product = await shop.product({ sku })
  const sold = await sell(shop, { product: sku, partnerName: 'Loja Azul' })
  const { orderId, eventId, partnerId } = sold
  const [created] = await createdBy(shop, eventId)
  const items = [{ productId: product.productId, name: product.name, quantity: 2, unitPriceCents: 2999 }]
  expect(created).toMatchObject({
    status: 'pending',
    version: 1,
    userId: partnerId,
    customer: { name: 'Loja Azul', email: null, locale: null },
    items,
    totalCents: 5998,
    origin: { partnerId, eventId },
  })
  const reserve = (await shop.publishedOf(orderId)).find(({ type }) => type === 'stock.reserve')
  expect(reserve?.payload).toEqual({ orderId, items: [{ productId: product.productId, quantity: 2 }] })
  expect(await shop.read(orderId)).toMatchObject({ id: orderId, status: 'pending', origin: { partnerId, eventId } })
  expect(await shop.history(orderId)).toEqual([{ version: 1, status: 'pending', reason: null }])
})

test('every event of its order names the event that placed it, also when its stock is set aside', async () => {
  const { orderId, eventId, partnerId } = await sell(shop)
  await shop.stockReserved(await shop.read(orderId))
  const reserved = (await shop.published(orderReserved)).find(event => event.orderId === orderId)
  expect(reserved?.origin).toEqual({ partnerId, eventId })
})

test('a product is found by its id and by its SKU, in any case', async () => {
  const sku = newSku()
  const { productId } = await shop.product({ sku })
  for (const product of [productId, productId.toUpperCase(), sku.toLowerCase(), ` ${sku} `]) {
    expect(await createdBy(shop, (await sell(shop, { product })).eventId)).toMatchObject([{ items: [{ productId }] }])
  }
})

test('a SKU that was given to another product means that one', async () => {
  const sku = newSku()
  const old = await shop.product({ sku })
  const next = await shop.product({ sku })
  const { eventId } = await sell(shop, { product: sku })
  expect(await createdBy(shop, eventId)).toMatchObject([{ items: [{ productId: next.productId }] }])
  await shop.deliver(productDeleted, { productId: next.productId, version: 2, deletedAt: new Date().toISOString() })
  expect(await createdBy(shop, (await sell(shop, { product: sku })).eventId)).toMatchObject([
    { items: [{ productId: old.productId }] },
  ])
})

test('its order counts in the statistics', async () => {
  const orders = async () => {
    const { rows } = await shop.resources.query<{ count: number }>({
      text: `select coalesce(sum(orders), 0)::int as count from
               (select orders from order_tallies union all select orders from order_tally_changes) as t`,
    })
    return rows[0]?.count ?? 0
  }
  const before = await orders()
  await sell(shop)
  expect(await orders()).toBe(before + 1)
})

describe('is refused', () => {
  test.each([
    ['of another price', 'price-changed', { totalCents: 5997 }, '2 × Café 250 g cost BRL 59.98, not 59.97.'],
    ['of nothing to pay', 'price-changed', { totalCents: 0 }, '2 × Café 250 g cost BRL 59.98, not 0.00.'],
    ['of too many', 'quantity-too-large', { quantity: 10_001 }, 'An order holds at most 10000 of one product.'],
    ['of an unknown product', 'product-unknown', { product: 'NO-SUCH' }, 'There is no product NO-SUCH.'],
    ['of an unknown id', 'product-unknown', { product: partnerSale.example.eventId }, expect.any(String)],
  ])('a sale %s: %s', async (_what, code, fields, detail) => {
    const sku = newSku()
    await shop.product({ sku })
    const sold = sale({ product: sku, ...fields })
    await decide(sold)
    expect(await refusalsOf(shop, sold.eventId)).toEqual([
      { causedBy: sold.eventId, orderId: null, code, detail, refusedAt: expect.any(String) },
    ])
    expect(await ordersOf(shop, sold.eventId)).toBe(0)
  })

  test('a sale that costs more than an order may', async () => {
    const { productId } = await shop.product({ sku: newSku(), priceCents: 900_000_000 })
    const sold = sale({ product: productId, totalCents: 1_800_000_000 })
    await decide(sold)
    expect(await refusalsOf(shop, sold.eventId)).toMatchObject([{ code: 'order-too-large' }])
  })

  test('a sale of a deleted product', async () => {
    const { productId } = await shop.product({ sku: newSku() })
    await shop.deliver(productDeleted, { productId, version: 2, deletedAt: new Date().toISOString() })
    const sold = sale({ product: productId })
    await decide(sold)
    expect(await refusalsOf(shop, sold.eventId)).toMatchObject([{ code: 'product-unknown' }])
  })

  test('a sale of a partner who is a blocked user, or was deleted', async () => {
    const { productId } = await shop.product({ sku: newSku() })
    const blocked = await shop.user()
    await shop.deliver(userUpdated, { ...blocked, version: 2, status: 'blocked' })
    const deleted = newId()
    await shop.deliver(userDeleted, { userId: deleted, version: 2, deletedAt: new Date().toISOString() })
    for (const partnerId of [blocked.userId, deleted]) {
      const sold = sale({ product: productId, partnerId })
      await decide(sold)
      expect(await refusalsOf(shop, sold.eventId)).toMatchObject([{ code: 'partner-blocked' }])
    }
  })
})

test('a product that is created a moment later is waited for, and nobody waits with it', async () => {
  const [sku, known] = [newSku(), newSku()]
  await shop.product({ sku: known })
  const sold = sale({ product: sku })
  await shop.deliver(partnerSale, sold)
  const other = await sell(shop, { product: known })
  expect(await ordersOf(shop, other.eventId)).toBe(1)
  expect(await ordersOf(shop, sold.eventId)).toBe(0)
  await shop.product({ sku })
  await waitUntil('it is decided', async () => (await ordersOf(shop, sold.eventId)) > 0)
  expect(await refusalsOf(shop, sold.eventId)).toEqual([])
})

describe('an event that comes again', () => {
  test('places no other order, and is not announced again', async () => {
    const { orderId: _orderId, ...command } = await sell(shop)
    await shop.deliver(partnerSale, command)
    await shop.deliver(partnerSale, { ...command, eventId: command.eventId.toUpperCase(), quantity: 1 })
    expect(await createdBy(shop, command.eventId)).toHaveLength(1)
    expect(await ordersOf(shop, command.eventId)).toBe(1)
    expect(await refusalsOf(shop, command.eventId)).toEqual([])
  })

  test('is refused again in the same words, though it could be obeyed by now', async () => {
    const product = await shop.product({ sku: newSku() })
    const sold = sale({ product: product.productId, totalCents: 8000 })
    await decide(sold)
    await shop.product({ ...product, version: 2, priceCents: 4000 })
    await shop.deliver(partnerSale, sold)
    const [first, second, ...more] = await refusalsOf(shop, sold.eventId)
    expect(first).toMatchObject({ code: 'price-changed' })
    expect(second).toEqual(first)
    expect(more).toEqual([])
    expect(await ordersOf(shop, sold.eventId)).toBe(0)
  })
})

test('what is forgotten of an erased partner is its name, and its unpaid orders are cancelled', async () => {
  const mark = `Loja ${newId()}`
  const { partnerId, orderId } = await sell(shop, { partnerName: mark })
  await shop.deliver(userDeleted, { userId: partnerId, version: 2, deletedAt: new Date().toISOString() })
  const { rows } = await shop.resources.query({
    text: `select id from orders where user_name = $1
           union all select id from chassis.outbox where payload::text like '%' || $1 || '%'`,
    values: [mark],
  })
  expect(rows).toEqual([])
  expect(await shop.read(orderId)).toMatchObject({ status: 'cancelled', userId: partnerId })
})
