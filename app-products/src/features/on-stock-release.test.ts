import { newId } from '@feira/chassis'
import { orderShipped } from '@feira/contracts/orders'
import { stockChanged, stockRelease, stockReserve, stockReserved } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deliveries, discrepancies, openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product
let orderId: string

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  await shop.clear()
  coffee = await shop.create({ stock: 10 })
  orderId = newId()
})
afterAll(() => shop[Symbol.asyncDispose]())

const reserve = (quantity = 4) => shop.deliver(stockReserve, { orderId, items: [{ productId: coffee.id, quantity }] })
const release = () => shop.deliver(stockRelease, { orderId, reason: 'changed my mind' })
const ship = () => shop.deliver(orderShipped, shippedOrder())
const shippedOrder = () => ({
  ...orderShipped.example,
  orderId,
  items: [{ productId: coffee.id, name: 'Café', quantity: 4, unitPriceCents: 2990 }],
})
const stock = async () => {
  const { stock, reserved } = await shop.read(coffee.id)
  return [stock, reserved]
}
const state = async () => (await shop.sql('select state from reservations where order_id = $1', orderId))[0]?.['state']
const ledger = async () => {
  const { items } = (await shop.admin('GET', `/products/${coffee.id}/movements`)).json()
  return items.map(({ kind, stock, reserved }: Record<string, unknown>) => [kind, stock, reserved])
}

describe('a release', () => {
  test('puts back what was set aside', async () => {
    await reserve()
    const id = await release()
    expect([await stock(), await state()]).toEqual([[10, 0], 'released'])
    expect(await ledger()).toEqual([
      ['release', 4, -4],
      ['reservation', -4, 4],
      ['initial', 10, 0],
    ])
    expect((await shop.published(stockChanged)).at(-1)).toEqual({
      productId: coffee.id,
      version: 3,
      available: 10,
      reserved: 0,
    })
    const [last] = await shop.sql<{ cause: string }>(
      `select headers ->> 'caused-by' as cause from chassis.outbox order by id desc limit 1`,
    )
    expect(last?.cause).toBe(id)
  })

  test('takes back what had left', async () => {
    await reserve()
    await ship()
    await release()
    expect([await stock(), await state()]).toEqual([[10, 0], 'released'])
    expect((await ledger()).slice(0, 2)).toEqual([
      ['return', 4, 0],
      ['sale', 0, -4],
    ])
  })

  test('of an order that was refused does nothing', async () => {
    await reserve(11)
    await release()
    expect([await stock(), await state()]).toEqual([[10, 0], 'refused'])
    expect(await ledger()).toEqual([['initial', 10, 0]])
  })

  test('of a product deleted meanwhile is written to its ledger', async () => {
    await reserve()
    await shop.admin('DELETE', `/products/${coffee.id}`)
    await release()
    expect((await ledger())[0]).toEqual(['release', 4, -4])
    expect((await shop.published(stockChanged)).at(-1)).toMatchObject({ available: 10, reserved: 0 })
  })

  test.each([
    ['twice', async () => {}],
    ['twice, the goods having left in between', () => ship()],
  ])('%s counts once', async (_what, between) => {
    await reserve()
    await release()
    await between()
    await release()
    expect([await stock(), await state()]).toEqual([[10, 0], 'released'])
    expect(await ledger()).toHaveLength(3)
  })

  test('that comes before its reserve wins, whatever follows', async () => {
    await release()
    await reserve()
    await ship()
    await reserve()
    expect([await stock(), await state()]).toEqual([[10, 0], 'released'])
    expect(await ledger()).toHaveLength(1)
    expect(await shop.published(stockReserved)).toEqual([])
  })
})

describe('a shipping', () => {
  test('sells what was set aside, once', async () => {
    await reserve()
    await ship()
    await ship()
    await reserve()
    expect([await stock(), await state()]).toEqual([[6, 0], 'sold'])
    expect(await ledger()).toEqual([
      ['sale', 0, -4],
      ['reservation', -4, 4],
      ['initial', 10, 0],
    ])
    expect((await shop.published(stockChanged)).at(-1)).toMatchObject({ version: 3, available: 6, reserved: 0 })
  })

  test('that comes before its reserve is remembered: nothing is set aside any more', async () => {
    await ship()
    await reserve()
    expect([await stock(), await state()]).toEqual([[10, 0], 'sold'])
    await release()
    expect([await stock(), await state()]).toEqual([[10, 0], 'released'])
    expect(await ledger()).toHaveLength(1)
  })

  test('of an order without items concerns no stock', async () => {
    await shop.deliver(orderShipped, { ...shippedOrder(), items: [] })
    expect(await state()).toBeUndefined()
  })
})

test('many of each in one burst come out right', async () => {
  const sold = Array.from({ length: 12 }, () => newId())
  const orders = Array.from({ length: 30 }, (_, index) => sold[index] ?? newId())
  const tea = await shop.create({ stock: 100 })
  const items = [
    { productId: tea.id, quantity: 1 },
    { productId: coffee.id, quantity: 1 },
  ]
  await shop.admin('PATCH', `/products/${coffee.id}`, { stock: 100 })
  const send = async (messages: Parameters<Shop['burst']>[0]) => {
    const before = await deliveries(shop)
    await shop.burst(messages)
    await shop.settled(before + messages.length)
  }
  await send(orders.map(orderId => ({ message: stockReserve, data: { orderId, items } })))
  await send(sold.map(orderId => ({ message: orderShipped, data: { ...shippedOrder(), orderId } })))
  await send(orders.slice(6, 20).map(orderId => ({ message: stockRelease, data: { orderId } })))
  const levels = await Promise.all([tea, coffee].map(({ id }) => shop.read(id)))
  expect(levels.map(({ stock, reserved }) => [stock, reserved])).toEqual([
    [84, 10],
    [84, 10],
  ])
  expect(await discrepancies(shop)).toEqual([])
})
