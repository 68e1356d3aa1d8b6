import { newId, startService, type RunningService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderCancelled, orderRefused, partnerReturn, partnerSale } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { service } from '../service.ts'
import { createdBy, giveBack, ordersOf, refusalsOf, sale, sell } from '../testing/partner.ts'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop
let replica: RunningService

beforeAll(async () => {
  shop = await startShop({ OUTBOX_POLL_INTERVAL: '20ms' })
  replica = await startService(service, { ...shop.env, PORT: '0' })
})
afterAll(async () => {
  await replica.stop()
  await shop[Symbol.asyncDispose]()
})

const shuffled = <Each>(list: readonly Each[]) => list.toSorted(() => Math.random() - 0.5)
const newSku = () => `SKU-${newId()}`.toUpperCase()
const events = Array.from({ length: 30 })

test('every sale that comes three times to two replicas is decided once, whatever is known when', async () => {
  const [known, late] = [newSku(), newSku()]
  await shop.product({ sku: known })
  const good = events.map(() => sale({ product: known }))
  const dear = events.map(() => sale({ product: known, totalCents: 1 }))
  const unknown = events.map(() => sale({ product: newSku() }))
  const racing = events.map(() => sale({ product: late }))
  const all = [...good, ...dear, ...unknown, ...racing]
  const sent = shuffled([...all, ...all, ...all]).map(sold => shop.deliver(partnerSale, sold))
  await Promise.all([...sent, shop.product({ sku: late })])
  await waitUntil('all are decided', async () => {
    const decided = await Promise.all(
      all.map(async ({ eventId }) => (await ordersOf(shop, eventId)) + (await refusalsOf(shop, eventId)).length > 0),
    )
    return decided.every(Boolean)
  })
  for (const { eventId } of all) {
    const [orders, created] = [await ordersOf(shop, eventId), await createdBy(shop, eventId)]
    const refusals = await refusalsOf(shop, eventId)
    expect(orders + new Set(refusals.map(refusal => JSON.stringify(refusal))).size).toBe(1)
    expect(created).toHaveLength(orders)
  }
  const codes = async (list: typeof all) =>
    new Set((await Promise.all(list.map(({ eventId }) => refusalsOf(shop, eventId)))).flat().map(({ code }) => code))
  expect([await codes(good), await codes(dear), await codes(unknown)]).toEqual([
    new Set(),
    new Set(['price-changed']),
    new Set(['product-unknown']),
  ])
}, 60_000)

test('of several returns of each of many sales, all at once, one is obeyed and the others are refused', async () => {
  const sales = []
  for (const _ of events) sales.push(await sell(shop))
  const returns = sales.flatMap(({ partnerId, orderId }) => [
    giveBack(partnerId, orderId),
    giveBack(partnerId, orderId),
    giveBack(newId(), orderId),
  ])
  await Promise.all(shuffled([...returns, ...returns]).map(command => shop.deliver(partnerReturn, command)))
  const cancelled = await shop.published(orderCancelled)
  const refused = await shop.published(orderRefused)
  for (const { orderId } of sales) {
    const own = returns.filter(command => command.orderId === orderId).map(({ eventId }) => eventId)
    expect(cancelled.filter(({ causedBy }) => own.includes(String(causedBy)))).toMatchObject([{ orderId, version: 2 }])
    const codes = new Map(
      refused.filter(({ causedBy }) => own.includes(causedBy)).map(({ causedBy, code }) => [causedBy, code]),
    )
    expect([...codes.values()].toSorted()).toEqual(['invalid-transition', 'sale-unknown'])
  }
  const { rows } = await shop.resources.query({ text: 'select 1 from chassis.dead_letters' })
  expect(rows).toEqual([])
}, 60_000)
