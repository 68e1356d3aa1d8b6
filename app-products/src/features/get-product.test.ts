import { newId } from '@feira/chassis'
import { asUser } from '@feira/chassis/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product
let url: string

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  coffee = await shop.create({ stock: 10 })
  url = `/products/${coffee.id}`
})
afterAll(() => shop[Symbol.asyncDispose]())

const get = (path = url, headers: Record<string, string> = {}) => shop.http.inject({ url: path, headers })

test('a product can be read by anybody, with an ETag', async () => {
  for (const headers of [{}, asUser()]) {
    const answer = await get(url, headers)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers.etag).toBe('"1"')
    expect(answer.json()).toEqual(coffee)
  }
})

test('a slash at the end and an id in capitals lead to the same', async () => {
  expect((await get(`${url}/`)).json()).toEqual(coffee)
  expect((await get(`/products/${coffee.id.toUpperCase()}`)).json()).toEqual(coffee)
})

test('the second read comes from the cache, also under an id in capitals, and is the same', async () => {
  const answers = [await get(), await get(), await get(`/products/${coffee.id.toUpperCase()}`)]
  expect(answers.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT', 'HIT'])
  expect(new Set(answers.map(({ body, headers }) => `${body} ${headers.etag}`)).size).toBe(1)
})

test.each<[string, (id: string) => Promise<unknown>, object]>([
  ['a new price', id => shop.admin('PATCH', `/products/${id}`, { price: 5 }), { price: 5, version: 2 }],
  [
    'an adjustment',
    id => shop.admin('POST', `/products/${id}/stock`, { adjustment: -3, reason: 'lost' }),
    { stock: 7 },
  ],
  ['a new stock', id => shop.admin('PATCH', `/products/${id}`, { stock: 1 }), { stock: 1, version: 1 }],
])('after %s everybody sees it at once, under another ETag', async (_what, write, expected) => {
  const before = await get()
  await write(coffee.id)
  const after = await get()
  expect(after.json()).toMatchObject(expected)
  expect([before, after].map(({ headers }) => headers.etag)).toEqual(['"1"', '"2"'])
})

describe('If-None-Match', () => {
  test.each(['"1"', 'W/"1"', '"0", "1"', '*'])('%s: nothing new, from the cache or not', async header => {
    for (let time = 0; time < 2; time++) {
      const answer = await get(url, { 'if-none-match': header })
      expect(answer.statusCode).toBe(304)
      expect(answer.headers.etag).toBe('"1"')
      expect(answer.body).toBe('')
    }
  })

  test.each(['"2"', '1', 'abc', ''])('%s: the product', async header => {
    expect((await get(url, { 'if-none-match': header })).json()).toEqual(coffee)
  })
})

test('an unknown id is answered with 404, which is not cached', async () => {
  const id = newId()
  for (let time = 0; time < 2; time++) {
    const answer = await get(`/products/${id}`)
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'product-not-found', detail: `There is no product ${id}.` })
    expect(answer.headers).not.toHaveProperty('x-cache')
  }
})

test.each(['42', 'CAFE-250', '%27', `${newId()}0`])('the malformed id %s is answered with 400', async id => {
  const answer = await get(`/products/${id}`)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
})
