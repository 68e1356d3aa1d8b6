import { newId, startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import type { Payload } from '@feira/contracts'
import {
  partnerStockUpdate,
  stockAdjusted,
  stockAdjustmentRefused,
  stockChanged,
  stockReserve,
} from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { service } from '../service.ts'
import { discrepancies, openShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(() => shop.clear())
afterAll(() => shop[Symbol.asyncDispose]())

const update = (product: string, quantity: number): Payload<typeof partnerStockUpdate> => {
  return { eventId: newId(), partnerId: newId(), product, quantity }
}

test('what is available is set, the difference is in the ledger, and the event is answered', async () => {
  const { id, sku } = await shop.create({ stock: 10 })
  const command = update(id, 40)
  const messageId = await shop.deliver(partnerStockUpdate, command)
  expect(await shop.read(id)).toMatchObject({ stock: 40, stockVersion: 2, version: 1 })
  const { items } = (await shop.admin('GET', `/products/${id}/movements`)).json<{ items: object[] }>()
  expect(items[0]).toMatchObject({ kind: 'set', stock: 30, reason: `event ${command.eventId} of a partner` })
  expect(await shop.published(stockAdjusted)).toEqual([
    { causedBy: command.eventId, productId: id, sku, available: 40, adjustedAt: expect.any(String) },
  ])
  expect(await shop.published(stockChanged)).toMatchObject([
    { version: 1 },
    { productId: id, version: 2, available: 40 },
  ])
  const caused = `select type from chassis.outbox where headers ->> 'caused-by' = $1 order by type`
  expect(await shop.sql(caused, messageId)).toEqual([{ type: 'stock.adjusted' }, { type: 'stock.changed' }])
  expect(await discrepancies(shop)).toEqual([])
})

test('what orders hold stays set aside', async () => {
  const { id } = await shop.create({ stock: 10 })
  await shop.deliver(stockReserve, { orderId: newId(), items: [{ productId: id, quantity: 4 }] })
  await shop.deliver(partnerStockUpdate, update(id, 0))
  expect(await shop.read(id)).toMatchObject({ stock: 0, reserved: 4 })
  expect(await discrepancies(shop)).toEqual([])
})

test('a product is found by its id and by its SKU, in any case', async () => {
  const { id, sku } = await shop.create({ sku: 'cafe-250' })
  const names = [id, id.toUpperCase(), 'CAFE-250', ' cafe-250 ']
  for (const [index, name] of names.entries()) {
    await shop.deliver(partnerStockUpdate, update(name, 20 + index))
    expect((await shop.published(stockAdjusted)).at(-1)).toMatchObject({ productId: id, sku, available: 20 + index })
  }
})

test('what changes nothing is answered as well, and makes no new version', async () => {
  const { id } = await shop.create({ stock: 10 })
  await shop.deliver(partnerStockUpdate, update(id, 10))
  expect(await shop.published(stockAdjusted)).toMatchObject([{ productId: id, available: 10 }])
  expect(await shop.read(id)).toMatchObject({ stock: 10, stockVersion: 1 })
})

test.each([
  ['of an unknown SKU', 'NO-SUCH', 1, 'product-unknown', 'There is no product NO-SUCH.'],
  ['of an unknown id', newId(), 1, 'product-unknown', expect.any(String)],
  ['to too many', 'TEA', 1_000_000_001, 'stock-too-large', 'A stock is at most 1000000000.'],
])('an update %s is refused', async (_what, name, quantity, code, detail) => {
  const tea = await shop.create({ sku: 'TEA' })
  const command = update(name, quantity)
  await shop.deliver(partnerStockUpdate, command)
  expect(await shop.published(stockAdjustmentRefused)).toEqual([
    { causedBy: command.eventId, code, detail, refusedAt: expect.any(String) },
  ])
  expect(await shop.read(tea.id)).toMatchObject({ stock: 10, stockVersion: 1 })
})

test('an update of a deleted product is refused, and its SKU means the next that has it', async () => {
  const old = await shop.create({ sku: 'TEA' })
  await shop.admin('DELETE', `/products/${old.id}`)
  await shop.deliver(partnerStockUpdate, update(old.id, 5))
  await shop.deliver(partnerStockUpdate, update('TEA', 5))
  expect(await shop.published(stockAdjustmentRefused)).toMatchObject([
    { code: 'product-unknown' },
    { code: 'product-unknown' },
  ])
  const next = await shop.create({ sku: 'TEA' })
  await shop.deliver(partnerStockUpdate, update('TEA', 5))
  expect(await shop.published(stockAdjusted)).toMatchObject([{ productId: next.id, available: 5 }])
})

test('an event that comes again gets the same answer and does nothing', async () => {
  const { id } = await shop.create({ stock: 10 })
  const [good, bad] = [update(id, 40), update('LATER', 5)]
  await shop.deliver(partnerStockUpdate, good)
  await shop.deliver(partnerStockUpdate, bad)
  await shop.deliver(partnerStockUpdate, update(id, 7))
  await shop.create({ sku: 'LATER' })
  for (const command of [good, bad]) {
    await shop.deliver(partnerStockUpdate, { ...command, eventId: command.eventId.toUpperCase() })
  }
  expect(await shop.read(id)).toMatchObject({ stock: 7 })
  const [first, , second] = await shop.published(stockAdjusted)
  expect(second).toEqual(first)
  const [refused, again] = await shop.published(stockAdjustmentRefused)
  expect(again).toEqual(refused)
})

test('of two events the younger counts, though the older comes after it; both are answered', async () => {
  const { id } = await shop.create({ stock: 10 })
  const [older, younger] = [update(id, 40), update(id, 30)]
  await shop.deliver(partnerStockUpdate, younger)
  await shop.deliver(partnerStockUpdate, { ...older, eventId: older.eventId.toUpperCase() })
  expect(await shop.read(id)).toMatchObject({ stock: 30, stockVersion: 2 })
  expect(await shop.published(stockAdjusted)).toMatchObject([
    { causedBy: younger.eventId, available: 30 },
    { causedBy: older.eventId, available: 40 },
  ])
  await shop.deliver(partnerStockUpdate, update(id, 50))
  expect(await shop.read(id)).toMatchObject({ stock: 50, stockVersion: 3 })
  expect(await discrepancies(shop)).toEqual([])
})

test('an event that changed nothing is younger all the same', async () => {
  const { id } = await shop.create({ stock: 10 })
  const [older, younger] = [update(id, 40), update(id, 10)]
  await shop.deliver(partnerStockUpdate, younger)
  await shop.deliver(partnerStockUpdate, older)
  expect(await shop.read(id)).toMatchObject({ stock: 10, stockVersion: 1 })
})

test('events that come three times to two replicas, among orders, are each obeyed once', async () => {
  const replica = await startService(service, { ...shop.env, PORT: '0' })
  const products = await Promise.all(Array.from({ length: 5 }, () => shop.create({ stock: 50 })))
  const commands = Array.from({ length: 60 }, (_, index) => update(products[index % 5]?.sku ?? '', 100 + index))
  const updates = [...commands, ...commands, ...commands].map(data => ({ message: partnerStockUpdate, data }))
  const orders = Array.from({ length: 60 }, (_, index) => ({
    message: stockReserve,
    data: { orderId: newId(), items: [{ productId: products[index % 5]?.id ?? '', quantity: 1 }] },
  }))
  await shop.burst([...updates, ...orders].toSorted(() => Math.random() - 0.5))
  await waitUntil('all are answered', async () => (await shop.published(stockAdjusted)).length === 180)
  const answers = await shop.published(stockAdjusted)
  expect(new Set(answers.map(answer => JSON.stringify(answer))).size).toBe(60)
  const rows = await shop.sql(`select reason from movements where kind = 'set' and reason is not null`)
  expect(new Set(rows.map(({ reason }) => reason)).size).toBe(rows.length)
  await waitUntil('the orders hold theirs', async () => {
    return (await shop.sql(`select 1 from reservations where state = 'reserved'`)).length === 60
  })
  expect(await discrepancies(shop)).toEqual([])
  expect(await shop.sql('select error from chassis.dead_letters')).toEqual([])
  await replica.stop()
})
