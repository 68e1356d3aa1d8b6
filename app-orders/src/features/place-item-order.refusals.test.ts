import { newId } from '@feira/chassis'
import { asUser, waitUntil } from '@feira/chassis/testing'
import { productCreated, productDeleted, productUpdated } from '@feira/contracts/products'
import { userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin, startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const address = { street: 'Rua das Flores, 10', city: 'São Paulo', state: 'SP', zipCode: '01000-000' }

/** An order of one line by a new user. @returns the refusal. */
async function refusal(body: object, userId?: string) {
  const caller = userId ?? (await shop.user()).userId
  const answer = await shop.post('', body, asUser(caller))
  expect(answer.statusCode, answer.body).toBeGreaterThanOrEqual(400)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  const { status, code, detail, errors = [] } = answer.json()
  return { status, code, detail, fields: errors.map(({ field }: { field: string }) => field) }
}

// Together, because some of them wait for what does not come.
describe.concurrent('an order is refused', () => {
  test('of a product that does not exist, naming its line', async () => {
    const { productId } = await shop.product()
    const items = [
      { productId, quantity: 1 },
      { productId: newId(), quantity: 1 },
    ]
    const refused = await refusal({ items })
    expect(refused).toMatchObject({ status: 422, code: 'product-unknown', fields: ['items.1.productId'] })
  })

  test('of a product that was deleted, also when its creation comes after', async () => {
    const product = await shop.product()
    const { productId } = product
    await shop.deliver(productDeleted, { productId, version: 2, deletedAt: new Date().toISOString() })
    await shop.deliver(productUpdated, { ...product, version: 3 })
    const gone = { status: 422, code: 'product-unknown', fields: ['items.0.productId'] }
    expect(await refusal({ items: [{ productId, quantity: 1 }] })).toMatchObject(gone)
    const never = newId()
    await shop.deliver(productDeleted, { productId: never, version: 2, deletedAt: new Date().toISOString() })
    await shop.deliver(productCreated, { ...product, productId: never })
    expect(await refusal({ items: [{ productId: never, quantity: 1 }] })).toMatchObject(gone)
  })

  test('when a price is not the expected one, naming the current one', async () => {
    const { productId } = await shop.product()
    const refused = await refusal({ items: [{ productId, quantity: 1, price: 25 }] })
    expect(refused).toMatchObject({ status: 409, code: 'price-changed', fields: ['items.0.price'] })
    expect(refused.detail).toContain('29.99')
  })

  test('of a user that does not exist or was deleted', async () => {
    const { productId } = await shop.product()
    const items = [{ productId, quantity: 1 }]
    const unknown = { status: 422, code: 'user-unknown', fields: ['userId'] }
    expect(await refusal({ items }, newId())).toMatchObject(unknown)
    const { userId } = await shop.user()
    await shop.deliver(userDeleted, { userId, version: 2, deletedAt: new Date().toISOString() })
    expect(await refusal({ items }, userId)).toMatchObject(unknown)
    const quick = await shop.post('', { userId: newId(), amount: 1 }, admin)
    expect(quick.json()).toMatchObject({ status: 422, code: 'user-unknown' })
  })

  test('of a blocked user, by an admin too, and of an amount too', async () => {
    const user = await shop.user({ status: 'blocked' })
    const { productId } = await shop.product()
    const items = [{ productId, quantity: 1 }]
    const blocked = { status: 403, code: 'user-blocked' }
    expect(await refusal({ items }, user.userId)).toMatchObject(blocked)
    expect(await refusal({ amount: 1 }, user.userId)).toMatchObject(blocked)
    expect((await shop.post('', { userId: user.userId, items }, admin)).json()).toMatchObject(blocked)
    await shop.deliver(userUpdated, { ...user, version: 2, status: 'active' })
    expect((await shop.post('', { items }, asUser(user.userId))).statusCode).toBe(201)
    const quick = async () => (await shop.post('', { amount: 1 }, asUser(user.userId))).statusCode
    await waitUntil('the hot path has heard of it', async () => (await quick()) === 201)
  })

  test('that costs more than an order may, or is sold in two currencies', async () => {
    const gold = await shop.product({ priceCents: 100_000_001 })
    const dollar = await shop.product({ currency: 'USD' })
    const items = (quantity: number, ...ids: string[]) => ({ items: ids.map(productId => ({ productId, quantity })) })
    expect(await refusal(items(10, gold.productId))).toMatchObject({ status: 422, code: 'order-too-large' })
    expect(await refusal(items(1, gold.productId, dollar.productId))).toMatchObject({ code: 'mixed-currencies' })
  })

  const line = { productId: newId(), quantity: 1 }
  test.each<[string, object, string]>([
    ['no lines', { items: [] }, 'items'],
    ['101 lines', { items: Array.from({ length: 101 }, () => line) }, 'items'],
    ...[0, -1, 1.5, 1e9, 10_001, '2', null].map(quantity => {
      return [`quantity ${quantity}`, { items: [{ ...line, quantity }] }, 'items.0.quantity'] as [
        string,
        object,
        string,
      ]
    }),
    ['no quantity', { items: [{ productId: line.productId }] }, 'items.0.quantity'],
    [
      'lines of one product that are too much',
      { items: [{ ...line, quantity: 9_999 }, line, line] },
      'items.2.quantity',
    ],
    ['a line without a product', { items: [{ quantity: 1 }] }, 'items.0.productId'],
    ['a product that is no uuid', { items: [{ productId: '42', quantity: 1 }] }, 'items.0.productId'],
    ['two products in a line', { items: [{ ...line, product_id: newId() }] }, 'items.0.product_id'],
    ['a price below zero', { items: [{ ...line, price: -1 }] }, 'items.0.price'],
    ['an unknown field in a line', { items: [{ ...line, discount: 1 }] }, 'items.0.discount'],
    ['an amount beside items', { items: [line], amount: 29.99 }, 'amount'],
    ['a total beside items', { items: [line], total: 29.99 }, 'total'],
    ['items that are no list', { items: line }, 'items'],
    ['an address beside an amount', { amount: 1, shippingAddress: address }, 'shippingAddress'],
    [
      'an address without a zip code',
      { items: [line], shippingAddress: { ...address, zipCode: undefined } },
      'shippingAddress.zipCode',
    ],
    [
      'an address with an empty street',
      { items: [line], shippingAddress: { ...address, street: ' ' } },
      'shippingAddress.street',
    ],
  ])('with %s', async (_what, body, field) => {
    expect(await refusal(body, newId())).toMatchObject({ status: 400, code: 'invalid-request', fields: [field] })
  })
})
