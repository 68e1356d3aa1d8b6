import { newId } from '@feira/chassis'
import { productUpdated, stockChanged, stockReserve } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { discrepancies, openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product
let url: string

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  await shop.clear()
  coffee = await shop.create({ sku: 'CAFE', stock: 10, category: 'coffee', description: 'Beans' })
  url = `/products/${coffee.id}`
  await shop.sql('truncate chassis.outbox')
})
afterAll(() => shop[Symbol.asyncDispose]())

const patch = (change: object, headers: Record<string, string> = {}) => shop.admin('PATCH', url, change, headers)
const put = (fields: object, headers: Record<string, string> = {}) => shop.admin('PUT', url, fields, headers)
const types = async () => (await shop.sql('select type from chassis.outbox order by id')).map(({ type }) => type)

describe('PATCH', () => {
  test.each([
    [{ price: '31.5' }, { price: 31.5, priceCents: 3150 }],
    [{ name: 'Café forte' }, { name: 'Café forte' }],
    [{ category: null }, { category: null }],
    [{ description: null }, { description: null }],
    [{ sku: 'cafe-2' }, { sku: 'CAFE-2' }],
    [
      { name: 'Chá', sku: 'CHA', category: 'tea', price: 1 },
      { name: 'Chá', sku: 'CHA', category: 'tea', price: 1 },
    ],
  ])('%j changes that and nothing else', async (change, expected) => {
    const answer = await patch(change)
    expect(answer.statusCode, answer.body).toBe(200)
    const changed = answer.json()
    expect(changed).toEqual({
      ...coffee,
      ...expected,
      priceCents: changed.price * 100,
      version: 2,
      updatedAt: expect.any(String),
    })
    expect(Date.parse(changed.updatedAt)).toBeGreaterThanOrEqual(Date.parse(coffee.updatedAt))
    expect(answer.headers.etag).toBe('"2"')
    expect(await shop.read(coffee.id)).toEqual(changed)
    const { id, description: _, price: __, stock: ___, reserved: ____, stockVersion: _____, ...told } = changed
    expect(await shop.published(productUpdated)).toEqual([{ productId: id, ...told }])
    expect(await types()).toEqual(['product.updated'])
  })

  test('of what it finds already is no change', async () => {
    const answer = await patch({ price: 29.9, name: coffee.name, stock: 10 })
    expect(answer.json()).toEqual(coffee)
    expect(answer.headers.etag).toBe('"1"')
    expect(await types()).toEqual([])
  })

  test('of the stock sets what is available, beside what is set aside, and writes the difference to the ledger', async () => {
    await shop.deliver(stockReserve, { orderId: newId(), items: [{ productId: coffee.id, quantity: 4 }] })
    const answer = await patch({ stock: 25 })
    expect(answer.json()).toEqual({ ...coffee, stock: 25, reserved: 4, stockVersion: 3 })
    expect((await shop.published(stockChanged)).at(-1)).toEqual({
      productId: coffee.id,
      version: 3,
      available: 25,
      reserved: 4,
    })
    const { items } = (await shop.admin('GET', `${url}/movements`)).json()
    expect(items[0]).toMatchObject({ kind: 'set', stock: 19, reserved: 0, orderId: null })
    expect(await shop.published(productUpdated)).toEqual([])
    expect(await discrepancies(shop)).toEqual([])
  })

  test('of both is both', async () => {
    const answer = await patch({ price: 1, stock: 0 })
    expect(answer.json()).toMatchObject({ price: 1, stock: 0, version: 2, stockVersion: 2 })
    expect(answer.headers.etag).toBe('"3"')
    expect(await types()).toEqual(['product.updated', 'stock.changed'])
  })

  test('makes it be found under its new name', async () => {
    await patch({ name: 'Chá Verde', sku: 'CHA-1' })
    const found = async (search: string) =>
      (await shop.http.inject({ url: '/products', query: { search } })).json().items.length
    expect([await found('cha verde'), await found('cha-1'), await found('cafe')]).toEqual([1, 1, 0])
  })

  test.each<[string, object, string]>([
    ['nothing', {}, 'body'],
    ['a price of 0', { price: 0 }, 'price'],
    ['a price with three decimals', { price: '1.999' }, 'price'],
    ['no price', { price: null }, 'price'],
    ['a negative stock', { stock: -1 }, 'stock'],
    ['half a piece', { stock: 0.5 }, 'stock'],
    ['an empty name', { name: ' ' }, 'name'],
    ['no SKU', { sku: null }, 'sku'],
    ['an unknown field', { status: 'active' }, 'status'],
    ['a version', { version: 7 }, 'version'],
    ['what is reserved', { reserved: 0 }, 'reserved'],
  ])('refuses %s', async (_what, change, field) => {
    const answer = await patch(change)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field }] })
    expect(await shop.read(coffee.id)).toEqual(coffee)
  })
})

describe('PUT', () => {
  test('changes what is named, as PATCH does', async () => {
    expect((await put({ price: 5 })).json()).toMatchObject({ sku: 'CAFE', category: 'coffee', price: 5, version: 2 })
    const { statusCode, headers, body } = await put({ sku: 'CHA', name: 'Chá', price: 5, category: null, stock: 2 })
    expect(statusCode, body).toBe(200)
    expect(headers.etag).toBe('"4"')
    expect(JSON.parse(body)).toMatchObject({ sku: 'CHA', category: null, description: 'Beans', stock: 2, version: 3 })
    expect(await types()).toEqual(['product.updated', 'product.updated', 'stock.changed'])
  })

  test('of the same is no change', async () => {
    const { sku, name, price, category, description, stock } = coffee
    for (let time = 0; time < 2; time++)
      expect((await put({ sku, name, price, category, description, stock })).json()).toEqual(coffee)
    expect(await types()).toEqual([])
  })
})

describe('If-Match', () => {
  const change = { name: 'Chá', sku: 'CHA', price: 5 }

  test.each(['PATCH', 'PUT'] as const)('lets a %s of the state that was seen pass', async method => {
    for (const tag of ['"1"', '"0", "2"', '*']) {
      const answer = await shop.admin(method, url, { ...change, price: tag.length }, { 'if-match': tag })
      expect(answer.statusCode, answer.body).toBe(200)
    }
  })

  test.each([
    ['PATCH', '"2"'],
    ['PATCH', 'W/"1"'],
    ['PATCH', '1'],
    ['PUT', '"0"'],
    ['DELETE', '"2"'],
  ] as const)('refuses a %s that names %s', async (method, tag) => {
    const answer = await shop.admin(method, url, method === 'DELETE' ? undefined : change, { 'if-match': tag })
    expect(answer.statusCode, answer.body).toBe(412)
    expect(answer.json()).toMatchObject({ code: 'precondition-failed' })
    expect(answer.headers.etag).toBe('"1"')
    expect(await shop.read(coffee.id)).toEqual(coffee)
  })

  test('sees a change of the stock as well', async () => {
    await shop.deliver(stockReserve, { orderId: newId(), items: [{ productId: coffee.id, quantity: 1 }] })
    expect((await patch({ stock: 10 }, { 'if-match': '"1"' })).statusCode).toBe(412)
    expect((await patch({ stock: 10 }, { 'if-match': '"2"' })).statusCode).toBe(200)
  })

  test('lets one of 20 writers at once pass', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => patch({ price: index + 1 }, { 'if-match': '"1"' })),
    )
    const statuses = answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 412)])
    expect((await shop.read(coffee.id)).version).toBe(2)
  })
})

describe('a SKU', () => {
  test.each(['PATCH', 'PUT'] as const)('of another product is refused by %s', async method => {
    const other = await shop.create({ sku: 'CHA' })
    const answer = await shop.admin(method, url, { sku: 'cha', name: 'Chá', price: 5 })
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'sku-taken', errors: [{ in: 'body', field: 'sku' }] })
    expect(await shop.read(coffee.id)).toEqual(coffee)
    expect(await shop.read(other.id)).toEqual(other)
  })

  test('of 10 products at once is given to one', async () => {
    const others = await Promise.all(Array.from({ length: 10 }, () => shop.create()))
    const answers = await Promise.all(others.map(({ id }) => shop.admin('PATCH', `/products/${id}`, { sku: 'WANTED' })))
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, ...Array(9).fill(409)])
  })

  test('is exchanged with another product by way of a third', async () => {
    const other = await shop.create({ sku: 'CHA' })
    const statuses = []
    for (const [id, sku] of [
      [coffee.id, 'TEMPORARY'],
      [other.id, 'CAFE'],
      [coffee.id, 'CHA'],
    ] as const)
      statuses.push((await shop.admin('PATCH', `/products/${id}`, { sku })).statusCode)
    expect(statuses).toEqual([200, 200, 200])
  })
})

test('20 changes at once are 20 versions', async () => {
  await Promise.all(Array.from({ length: 20 }, (_, index) => patch({ price: index + 1, stock: index + 11 })))
  const versions = (await shop.published(productUpdated)).map(({ version }) => version)
  expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2))
  expect(await shop.read(coffee.id)).toMatchObject({ version: 21, stockVersion: 21 })
  expect(await discrepancies(shop)).toEqual([])
})

test.each(['PATCH', 'PUT'] as const)(
  '%s of an unknown product is answered with 404, of a malformed id with 400',
  async method => {
    const change = { sku: 'A', name: 'a', price: 1 }
    expect((await shop.admin(method, `/products/${newId()}`, change)).json()).toMatchObject({
      code: 'product-not-found',
    })
    expect((await shop.admin(method, '/products/42', change)).json()).toMatchObject({
      status: 400,
      errors: [{ in: 'path', field: 'id' }],
    })
  },
)
