import { newId } from '@feira/chassis'
import { asUser } from '@feira/chassis/testing'
import { paymentCompleted, paymentFailed } from '@feira/contracts/payments'
import { productUnavailable, stockReserved } from '@feira/contracts/products'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderView } from '../order-view.ts'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const statusesOf = async (id: string) => (await shop.history(id)).map(({ status }) => status)
const releasesOf = async (id: string) =>
  (await shop.publishedOf(id)).filter(({ type }) => type === 'stock.release').length
const cancel = ({ id, userId }: OrderView) => shop.post(`/${id}/cancel`, undefined, asUser(userId as string))
const failed = ({ id }: OrderView, paymentReference?: string) =>
  shop.deliver(paymentFailed, { orderId: id, paymentReference, reason: 'card declined' })

describe('the answer about the stock', () => {
  test('reserves the order, once', async () => {
    const order = await shop.order()
    const messageId = await shop.stockReserved(order)
    await shop.stockReserved(order)
    await shop.productUnavailable(order)
    expect(await statusesOf(order.id)).toEqual(['pending', 'reserved'])
    const { rows } = await shop.resources.query({
      text: `select headers->>'caused-by' as cause from chassis.outbox where aggregate_id = $1 and type = 'order.reserved'`,
      values: [order.id],
    })
    expect(rows).toEqual([{ cause: messageId }])
    expect(await shop.deadLetters(order.id)).toEqual([])
  })

  test('cancels the order when something is missing, and says what; there is nothing to release', async () => {
    const tea = await shop.product({ name: 'Chá' })
    const order = await shop.order([{ productId: tea.productId, quantity: 3 }])
    await shop.productUnavailable(order, 1)
    expect((await shop.history(order.id)).at(-1)).toEqual({
      version: 2,
      status: 'cancelled',
      reason: 'out of stock: Chá (3 ordered, 1 available)',
    })
    expect(await releasesOf(order.id)).toBe(0)
    const event = (await shop.publishedOf(order.id)).at(-1)
    expect(event).toMatchObject({ type: 'order.cancelled', payload: { reason: expect.stringContaining('Chá') } })
  })

  test('changes nothing after a cancellation, which released the stock already', async () => {
    const order = await shop.order()
    expect((await cancel(order)).statusCode).toBe(200)
    await shop.stockReserved(order)
    await shop.productUnavailable(order)
    expect(await statusesOf(order.id)).toEqual(['pending', 'cancelled'])
    expect(await releasesOf(order.id)).toBe(1)
    expect(await shop.deadLetters(order.id)).toEqual([])
  })

  test('and a cancellation at the same moment come one after the other', async () => {
    const orders = await Promise.all(Array.from({ length: 12 }, () => shop.order()))
    const reserving = Promise.all(orders.map(order => shop.stockReserved(order)))
    const cancelling = await Promise.all(orders.map(order => cancel(order)))
    expect(cancelling.map(({ statusCode }) => statusCode)).toEqual(orders.map(() => 200))
    await reserving
    for (const { id } of orders) {
      expect([
        ['pending', 'cancelled'],
        ['pending', 'reserved', 'cancelled'],
      ]).toContainEqual(await statusesOf(id))
      expect(await releasesOf(id)).toBe(1)
    }
  })

  test('about many orders is handled together, and what is wrong with one costs only that one', async () => {
    const orders = await Promise.all(Array.from({ length: 8 }, () => shop.order()))
    const unknown = { id: newId(), items: [{ productId: newId(), quantity: 1 }] } as unknown as OrderView
    await Promise.all([...orders, unknown].map(order => shop.stockReserved(order)))
    for (const { id } of orders) expect(await statusesOf(id)).toEqual(['pending', 'reserved'])
    expect(await shop.deadLetters(unknown.id)).toEqual([expect.stringContaining('There is no order')])
  })
})

describe('a payment from outside', () => {
  test('pays a reserved order, once', async () => {
    const order = await shop.orderIn('reserved')
    const payment = { paymentReference: 'pay_1', amountCents: order.totalCents, currency: 'BRL' }
    await shop.paid(order, payment)
    await shop.paid(order, payment)
    expect(await shop.read(order.id)).toMatchObject({ status: 'paid', version: 3, paymentReference: 'pay_1' })
    expect(await shop.deadLetters(order.id)).toEqual([])
  })

  test('that comes before the reservation waits for it', async () => {
    const order = await shop.order()
    await shop.paid(order, { paymentReference: 'pay_1' })
    expect((await shop.send('GET', `/${order.id}`)).body).toBe(JSON.stringify(order))
    await shop.stockReserved(order)
    expect(await shop.read(order.id)).toMatchObject({ status: 'paid', version: 3, paymentReference: 'pay_1' })
    expect(await statusesOf(order.id)).toEqual(['pending', 'reserved', 'paid'])
    const types = (await shop.publishedOf(order.id)).map(({ type }) => type)
    expect(types.slice(-2)).toEqual(['order.reserved', 'order.paid'])
  })

  test('that waits for a reservation which never comes is shown to somebody', async () => {
    const [missing, cancelled] = [await shop.order(), await shop.order()]
    await shop.paid(missing, { paymentReference: 'pay_1' })
    await shop.paid(cancelled, { paymentReference: 'pay_2' })
    await shop.productUnavailable(missing)
    await cancel(cancelled)
    for (const { id } of [missing, cancelled]) {
      expect(await statusesOf(id)).toEqual(['pending', 'cancelled'])
      const returned = (await shop.publishedOf(id)).find(({ type }) => type === 'payment.completed')
      expect(returned).toMatchObject({ queue: 'orders.on-payment-completed', payload: { amountCents: 5_998 } })
      await expect.poll(() => shop.deadLetters(id)).toEqual([expect.stringContaining('given up before this payment')])
    }
  })

  test.each([
    ['comes after the cancellation', 'cancelled', { paymentReference: 'pay_1' }, 'given up before this payment'],
    ['is a second one', 'paid', { paymentReference: 'pay_2' }, 'has its payment'],
    ['is a second one, later', 'completed', { paymentReference: 'pay_2' }, 'has its payment'],
    ['is of another amount', 'reserved', { amountCents: 5_997 }, 'amount and currency'],
    ['is in another currency', 'reserved', { currency: 'USD' }, 'amount and currency'],
    ['is of another amount, and early', 'pending', { amountCents: 1 }, 'amount and currency'],
  ] as const)('that %s is a dead letter', async (_what, status, fields, message) => {
    const order = await shop.orderIn(status)
    await shop.paid(order, fields)
    expect(await shop.deadLetters(order.id)).toEqual([expect.stringContaining(message)])
    expect(await shop.read(order.id)).toEqual(order)
  })

  test('of an order that does not exist is a dead letter', async () => {
    const id = newId()
    await shop.paid({ id })
    expect(await shop.deadLetters(id)).toEqual([expect.stringContaining('There is no order')])
  })

  test('that failed cancels the order and says why; what fails later does not matter', async () => {
    const [reserved, pending, paid] = [
      await shop.orderIn('reserved'),
      await shop.order(),
      await shop.orderIn('reserved'),
    ]
    await failed(reserved)
    await failed(pending)
    await shop.paid(paid, { paymentReference: 'pay_2' })
    await failed(paid, 'pay_1')
    for (const { id } of [reserved, pending]) {
      const [last] = (await shop.history(id)).slice(-1)
      expect(last).toMatchObject({ status: 'cancelled', reason: 'payment failed: card declined' })
      expect(await releasesOf(id)).toBe(1)
    }
    expect(await shop.read(paid.id)).toMatchObject({ status: 'paid' })
    await failed(paid, 'pay_2')
    expect(await shop.deadLetters(paid.id)).toEqual([expect.stringContaining('said to have failed')])
  })
})

test('all messages of many orders at once, twice and in any order, end in the same place', async () => {
  const orders = await Promise.all(Array.from({ length: 10 }, () => shop.order()))
  const at = new Date().toISOString()
  const twice = <Item>(items: Item[]) => [...items, ...items]
  const deliveries = orders.flatMap((order, index) => {
    const lines = order.items.map(({ productId, quantity }) => ({ productId, quantity }))
    const [reservation, payment] = [newId(), newId()]
    if (index % 3 === 0) {
      const items = lines.map(line => ({ ...line, available: 0 }))
      return twice([() => shop.deliver(productUnavailable, { orderId: order.id, items }, { messageId: reservation })])
    }
    return twice([
      () =>
        shop.deliver(stockReserved, { orderId: order.id, items: lines, reservedAt: at }, { messageId: reservation }),
      () => shop.deliver(paymentCompleted, { orderId: order.id, paymentReference: 'pay' }, { messageId: payment }),
    ])
  })
  await Promise.all(deliveries.toSorted(() => Math.random() - 0.5).map(deliver => deliver()))
  for (const [index, { id }] of orders.entries()) {
    const expected = index % 3 === 0 ? ['pending', 'cancelled'] : ['pending', 'reserved', 'paid']
    expect(await statusesOf(id)).toEqual(expected)
    expect((await shop.publishedOf(id)).filter(({ type }) => type.startsWith('order.'))).toHaveLength(expected.length)
  }
})
