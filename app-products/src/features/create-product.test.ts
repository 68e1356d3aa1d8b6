import { newId } from '@feira/chassis'
import { asAdmin, startTestService, type TestService } from '@feira/chassis/testing'
import { productCreated, stockChanged } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let products: TestService

beforeAll(async () => {
  products = await startTestService(service)
})
beforeEach(async () => {
  await products.resources.query({ text: 'truncate products, movements, chassis.outbox, chassis.idempotency_keys' })
})
afterAll(() => products[Symbol.asyncDispose]())

const coffee = { sku: 'CAFE-250', name: 'Café 250 g', price: 29.9, stock: 10 }

function create(fields: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
  const payload = { ...coffee, ...fields }
  return products.http.inject({ method: 'POST', url: '/products', payload, headers: { ...asAdmin(), ...headers } })
}

async function counts() {
  const { rows } = await products.resources.query({
    text: `select (select count(*)::int from products) as products, (select count(*)::int from movements) as movements,
             (select count(*)::int from chassis.outbox) as messages,
             (select count(*)::int from chassis.idempotency_keys) as keys`,
  })
  return rows[0]
}

describe('a product is created', () => {
  test('with what was said of it, to be read at its location', async () => {
    const answer = await create({ category: 'coffee', description: 'Beans.\nWhole.' })
    expect(answer.statusCode, answer.body).toBe(201)
    const product = answer.json()
    expect(product).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{14}7/),
      sku: 'CAFE-250',
      name: 'Café 250 g',
      description: 'Beans.\nWhole.',
      category: 'coffee',
      price: 29.9,
      priceCents: 2990,
      currency: 'BRL',
      stock: 10,
      reserved: 0,
      version: 1,
      stockVersion: 1,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: product.createdAt,
    })
    expect(answer.headers).toMatchObject({ location: `/products/${product.id}`, etag: '"1"' })
    const read = await products.http.inject(answer.headers.location as string)
    expect(read.json()).toEqual(product)
    expect(read.headers.etag).toBe('"1"')
  })

  test('without what need not be said', async () => {
    expect((await create()).json()).toMatchObject({ category: null, description: null })
    expect((await create({ sku: 'B', category: null, description: '' })).json()).toMatchObject({ category: null })
  })

  test('with no pieces yet', async () => {
    expect((await create({ stock: 0 })).json()).toMatchObject({ stock: 0, stockVersion: 1 })
    expect((await products.published(stockChanged)).map(({ available }) => available)).toEqual([0])
  })

  test.each([
    [0.01, 1],
    ['29.90', 2990],
    [10_000_000, 1_000_000_000],
  ])('for %j', async (price, priceCents) => {
    expect((await create({ price })).json()).toMatchObject({ priceCents })
  })

  test('in tidy words', async () => {
    const answer = await create({ sku: ' café-1'.replace('é', 'e'), name: '  Café  ', category: ' coffee ' })
    expect(answer.json()).toMatchObject({ sku: 'CAFE-1', name: 'Café', category: 'coffee' })
  })

  test('and the world learns of it and of its stock', async () => {
    const { id, createdAt } = (await create({ category: 'coffee' })).json()
    expect(await products.published(productCreated)).toEqual([
      {
        productId: id,
        version: 1,
        sku: 'CAFE-250',
        name: 'Café 250 g',
        priceCents: 2990,
        currency: 'BRL',
        category: 'coffee',
        createdAt,
        updatedAt: createdAt,
      },
    ])
    expect(await products.published(stockChanged)).toEqual([{ productId: id, version: 1, available: 10, reserved: 0 }])
  })

  test('and its ledger begins', async () => {
    const { id, createdAt } = (await create()).json()
    const ledger = await products.http.inject({ url: `/products/${id}/movements`, headers: asAdmin() })
    expect(ledger.json()).toEqual({
      items: [
        { id: expect.any(String), kind: 'initial', stock: 10, reserved: 0, orderId: null, reason: null, at: createdAt },
      ],
      nextCursor: null,
    })
  })
})

describe('an Idempotency-Key', () => {
  test('makes a repetition get the same answer and create nothing', async () => {
    const key = { 'idempotency-key': newId() }
    const [first, second] = [await create({}, key), await create({}, key)]
    expect(second.statusCode).toBe(201)
    expect(second.json()).toEqual(first.json())
    expect(second.headers).toMatchObject({ location: first.headers.location, 'idempotency-replayed': 'true' })
    expect(await counts()).toEqual({ products: 1, movements: 1, messages: 2, keys: 1 })
  })

  test('with another body is refused', async () => {
    const key = { 'idempotency-key': newId() }
    await create({}, key)
    const answer = await create({ sku: 'OTHER' }, key)
    expect([answer.statusCode, answer.json().code]).toEqual([422, 'idempotency-mismatch'])
  })

  test('of a refused request is not used up', async () => {
    const { id } = (await create()).json()
    const key = { 'idempotency-key': newId() }
    expect((await create({}, key)).statusCode).toBe(409)
    await products.http.inject({ method: 'DELETE', url: `/products/${id}`, headers: asAdmin() })
    expect((await create({}, key)).statusCode).toBe(201)
  })
})

describe('a SKU', () => {
  test('belongs to one product, whatever its case', async () => {
    await create()
    const answer = await create({ sku: 'cafe-250', name: 'Another' })
    expect(answer.statusCode).toBe(409)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({ code: 'sku-taken', errors: [{ in: 'body', field: 'sku' }] })
    expect(await counts()).toMatchObject({ products: 1, movements: 1, messages: 2 })
  })

  test('of 20 at once belongs to exactly one', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, price) => create({ price: price + 1 })))
    const statuses = answers.map(({ statusCode }) => statusCode)
    expect(statuses.filter(status => status === 201)).toHaveLength(1)
    expect(statuses.filter(status => status === 409)).toHaveLength(19)
    expect(answers.every(({ statusCode, body }) => statusCode === 201 || body.includes('sku-taken'))).toBe(true)
    expect(await counts()).toEqual({ products: 1, movements: 1, messages: 2, keys: 0 })
  })

  test('is free again once its product is deleted', async () => {
    const { id } = (await create()).json()
    await products.http.inject({ method: 'DELETE', url: `/products/${id}`, headers: asAdmin() })
    const answer = await create()
    expect(answer.statusCode).toBe(201)
    expect(answer.json().id).not.toBe(id)
  })
})

test.each<[string, Record<string, unknown>, string]>([
  ['a price of 0', { price: 0 }, 'price'],
  ['a negative price', { price: -1 }, 'price'],
  ['a price with three decimals', { price: 1.999 }, 'price'],
  ['a price that is too high', { price: 10_000_000.01 }, 'price'],
  ['a price in words', { price: 'ten' }, 'price'],
  ['a price in exponents', { price: '1e2' }, 'price'],
  ['no price', { price: undefined }, 'price'],
  ['a price that is null', { price: null }, 'price'],
  ['a negative stock', { stock: -1 }, 'stock'],
  ['half a piece', { stock: 1.5 }, 'stock'],
  ['too many pieces', { stock: 10_000_000_000 }, 'stock'],
  ['a stock in words', { stock: '10' }, 'stock'],
  ['no stock', { stock: undefined }, 'stock'],
  ['no name', { name: undefined }, 'name'],
  ['an empty name', { name: '' }, 'name'],
  ['a blank name', { name: '   ' }, 'name'],
  ['a long name', { name: 'x'.repeat(201) }, 'name'],
  ['a name of two lines', { name: 'a\nb' }, 'name'],
  ['a name with U+0000', { name: 'a\u0000' }, 'name'],
  ['a name that is a number', { name: 5 }, 'name'],
  ['no SKU', { sku: undefined }, 'sku'],
  ['an empty SKU', { sku: '' }, 'sku'],
  ['a SKU of two words', { sku: 'A B' }, 'sku'],
  ['a SKU with an accent', { sku: 'CAFÉ' }, 'sku'],
  ['a long SKU', { sku: 'X'.repeat(65) }, 'sku'],
  ['a long category', { category: 'x'.repeat(101) }, 'category'],
  ['an empty category', { category: '' }, 'category'],
  ['a long description', { description: 'x'.repeat(2_001) }, 'description'],
  ['an unknown field', { colour: 'red' }, 'colour'],
  ['a field of the answer', { reserved: 5 }, 'reserved'],
  ['an id', { id: newId() }, 'id'],
])('%s is refused', async (_what, fields, field) => {
  const answer = await create(fields, { 'idempotency-key': 'kept' })
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field }] })
  expect(await counts()).toEqual({ products: 0, movements: 0, messages: 0, keys: 0 })
})
