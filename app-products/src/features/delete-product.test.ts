import { newId } from '@feira/chassis'
import { productDeleted } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product
let url: string

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  await shop.clear()
  coffee = await shop.create({ sku: 'CAFE' })
  url = `/products/${coffee.id}`
})
afterAll(() => shop[Symbol.asyncDispose]())

test('a deleted product is no longer listed, read or changed', async () => {
  // Cached before.
  for (const path of [url, '/products']) await shop.http.inject(path)
  const answer = await shop.admin('DELETE', url)
  expect(answer.statusCode).toBe(204)
  expect(answer.body).toBe('')
  expect((await shop.http.inject('/products')).json().items).toEqual([])
  expect((await shop.http.inject(url)).statusCode).toBe(404)
  const attempts = [
    await shop.admin('PATCH', url, { price: 1 }),
    await shop.admin('PUT', url, { sku: 'A', name: 'a', price: 1 }),
    await shop.admin('POST', `${url}/stock`, { adjustment: 1, reason: 'found' }),
    await shop.admin('DELETE', url),
  ]
  expect(attempts.map(({ statusCode }) => statusCode)).toEqual([404, 404, 404, 404])
})

test('the world learns of it once, in its next version', async () => {
  await shop.admin('PATCH', url, { price: 1 })
  await Promise.all([shop.admin('DELETE', url), shop.admin('DELETE', url)])
  expect(await shop.published(productDeleted)).toEqual([
    { productId: coffee.id, version: 3, deletedAt: expect.stringMatching(/Z$/) },
  ])
})

test('its ledger can still be read', async () => {
  await shop.admin('DELETE', url)
  const { items } = (await shop.admin('GET', `${url}/movements`)).json()
  expect(items).toMatchObject([{ kind: 'initial', stock: 10 }])
})

test('If-Match protects it', async () => {
  await shop.admin('PATCH', url, { stock: 1 })
  expect((await shop.admin('DELETE', url, undefined, { 'if-match': '"1"' })).statusCode).toBe(412)
  expect((await shop.admin('DELETE', url, undefined, { 'if-match': '"2"' })).statusCode).toBe(204)
})

test('an unknown product is answered with 404, a malformed id with 400', async () => {
  expect((await shop.admin('DELETE', `/products/${newId()}`)).statusCode).toBe(404)
  expect((await shop.admin('DELETE', '/products/42')).statusCode).toBe(400)
})
