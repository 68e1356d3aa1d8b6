import { newId } from '@feira/chassis'
import { asUser } from '@feira/chassis/testing'
import { productCreated, productDeleted, productUpdated } from '@feira/contracts/products'
import { userCreated, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin, startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const address = { street: 'Rua das Flores, 10', city: 'São Paulo', state: 'SP', zipCode: '01000-000' }

describe('an order of products', () => {
  test('is answered with its lines at the prices of the catalogue, and asks for its stock', async () => {
    const [{ userId }, coffee, tea] = [
      await shop.user(),
      await shop.product(),
      await shop.product({ name: 'Chá', priceCents: 1_000 }),
    ]
    const items = [
      { productId: coffee.productId, quantity: 2, price: 29.99 },
      { productId: tea.productId, quantity: 1 },
    ]
    const answer = await shop.post('', { items, shippingAddress: address }, asUser(userId))
    expect(answer.statusCode, answer.body).toBe(201)
    const order = answer.json()
    expect(order).toMatchObject({
      userId,
      status: 'pending',
      version: 1,
      amount: 69.98,
      totalCents: 6_998,
      currency: 'BRL',
      shippingAddress: address,
      items: [
        { productId: coffee.productId, name: 'Café 250 g', quantity: 2, unitPrice: 29.99, lineTotal: 59.98 },
        { productId: tea.productId, name: 'Chá', quantity: 1, unitPriceCents: 1_000, lineTotalCents: 1_000 },
      ],
    })
    expect(answer.headers).toMatchObject({
      location: `/orders/${order.id}`,
      link: `</q/orders/${order.id}?minVersion=1>; rel="related"`,
      etag: '"1"',
    })
    expect((await shop.send('GET', `/${order.id}`, undefined, asUser(userId))).body).toBe(answer.body)

    const [created, reserve, ...others] = await shop.publishedOf(order.id)
    expect(created).toMatchObject({
      type: 'order.created',
      payload: {
        version: 1,
        status: 'pending',
        customer: { name: 'Ana Souza', email: 'ana@example.com', locale: 'pt-BR' },
        items: [{ name: 'Café 250 g', unitPriceCents: 2_999 }, { name: 'Chá' }],
        totalCents: 6_998,
      },
    })
    expect(reserve).toMatchObject({
      type: 'stock.reserve',
      payload: {
        items: [
          { productId: coffee.productId, quantity: 2 },
          { productId: tea.productId, quantity: 1 },
        ],
      },
    })
    expect(others).toEqual([])
    expect(await shop.history(order.id)).toEqual([{ version: 1, status: 'pending', reason: null }])
  })

  test('may be written in snake_case', async () => {
    const [{ userId }, { productId }] = [await shop.user(), await shop.product()]
    const { zipCode, ...place } = address
    const body = {
      user_id: userId,
      user_email: 'ana@example.com',
      items: [{ product_id: productId.toUpperCase(), quantity: 1, price: '29.99' }],
      shipping_address: { ...place, zip_code: zipCode },
    }
    const answer = await shop.post('', body, asUser(userId))
    expect(answer.statusCode, answer.body).toBe(201)
    expect(answer.json()).toMatchObject({ userId, shippingAddress: address, items: [{ productId, quantity: 1 }] })
  })

  test('is placed once per Idempotency-Key, whatever names its fields have', async () => {
    const [{ userId }, { productId }] = [await shop.user(), await shop.product()]
    const headers = { ...asUser(userId), 'idempotency-key': newId() }
    const first = await shop.post('', { items: [{ productId, quantity: 1 }] }, headers)
    await shop.deliver(productDeleted, { productId, version: 2, deletedAt: new Date().toISOString() })
    const again = await shop.post('', { items: [{ product_id: productId, quantity: 1 }] }, headers)
    expect(again.statusCode, again.body).toBe(201)
    expect(again.body).toBe(first.body)
    expect(again.headers['idempotency-replayed']).toBe('true')
    const other = await shop.post('', { items: [{ productId, quantity: 2 }] }, headers)
    expect(other.statusCode).toBe(422)
  })

  test('may be placed by an admin for another, but by nobody else', async () => {
    const [{ userId }, { productId }] = [await shop.user(), await shop.product()]
    const body = { userId, items: [{ productId, quantity: 1 }] }
    const answer = await shop.post('', body, admin)
    expect(answer.json()).toMatchObject({ userId })
    for (const other of [body, { userId, amount: 1 }]) {
      const refused = await shop.post('', other, asUser(newId()))
      expect(refused.json()).toMatchObject({ status: 403, code: 'role-missing', errors: [{ field: 'userId' }] })
    }
  })

  test('counts lines of one product together', async () => {
    const [coffee, tea] = [await shop.product(), await shop.product()]
    const line = (productId: string, quantity: number) => ({ productId, quantity })
    const order = await shop.order([line(coffee.productId, 2), line(tea.productId, 1), line(coffee.productId, 3)])
    expect(order.items.map(({ productId, quantity }) => [productId, quantity])).toEqual([
      [coffee.productId, 5],
      [tea.productId, 1],
    ])
    expect(order.totalCents).toBe(6 * 2_999)
  })

  test('may have a hundred lines', async () => {
    const { productId } = await shop.product()
    const order = await shop.order(Array.from({ length: 100 }, () => ({ productId, quantity: 100 })))
    expect(order.items).toMatchObject([{ quantity: 10_000 }])
  })

  test('has the price of the moment', async () => {
    const product = await shop.product()
    const { productId } = product
    const before = await shop.order([{ productId, quantity: 1 }])
    await shop.deliver(productUpdated, { ...product, version: 2, priceCents: 3_199 })
    const after = await shop.order([{ productId, quantity: 1 }])
    expect([before.totalCents, after.totalCents]).toEqual([2_999, 3_199])
    expect((await shop.read(before.id)).totalCents).toBe(2_999)
  })
})

describe('what was created a moment ago is waited for:', () => {
  test('a product and a user', async () => {
    const [userId, productId] = [newId(), newId()]
    const placing = shop.post('', { items: [{ productId, quantity: 1 }] }, asUser(userId))
    await shop.deliver(productCreated, { ...productCreated.example, productId })
    await shop.deliver(userCreated, { ...userCreated.example, userId })
    const answer = await placing
    expect(answer.statusCode, answer.body).toBe(201)
  })

  test('a user for whom an admin orders an amount', async () => {
    const userId = newId()
    const placing = shop.post('', { userId, amount: 1 }, admin)
    await shop.deliver(userCreated, { ...userCreated.example, userId })
    expect((await placing).json()).toMatchObject({ userId })
  })
})

test('sent again with its key, an order gets its answer whatever has become of the price and the customer', async () => {
  const user = await shop.user()
  const product = await shop.product({ priceCents: 500 })
  const items = [{ productId: product.productId, quantity: 1, price: 5 }]
  const headers = { ...asUser(user.userId), 'idempotency-key': newId() }
  const first = await shop.post('', { items }, headers)
  expect(first.statusCode, first.body).toBe(201)
  await shop.deliver(productUpdated, { ...product, version: 2, priceCents: 600 })
  await shop.deliver(userUpdated, { ...user, version: 2, status: 'blocked' })
  const again = await shop.post('', { items }, headers)
  expect(again.statusCode).toBe(201)
  expect(again.body).toBe(first.body)
  expect((await shop.post('', { items }, asUser(user.userId))).statusCode).toBe(403)
})
