import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(() => shop.clear())
afterAll(() => shop[Symbol.asyncDispose]())

async function categories(query: Record<string, string> = {}) {
  const answer = await shop.http.inject({ url: '/products/categories', query })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json() as { items: { name: string; count: number }[]; nextCursor: string | null }
}

test('each category of products for sale is named once, with how many it has', async () => {
  for (const category of ['tea', 'coffee', 'tea', null, 'gone']) await shop.create({ category })
  const { items } = (await shop.http.inject('/products')).json()
  await shop.admin('DELETE', `/products/${items[0].id}`)
  expect(await categories()).toEqual({
    items: [
      { name: 'coffee', count: 1 },
      { name: 'tea', count: 2 },
    ],
    nextCursor: null,
  })
})

test('follows every change of a category, though it is cached', async () => {
  const counts = async () => (await categories()).items.map(({ name, count }) => `${name} ${count}`)
  const { id } = await shop.create({ category: 'tea' })
  expect(await counts()).toEqual(['tea 1'])
  expect((await shop.http.inject('/products/categories')).headers['x-cache']).toBe('HIT')
  await shop.admin('PATCH', `/products/${id}`, { category: 'coffee' })
  expect(await counts()).toEqual(['coffee 1'])
  await shop.create({ category: 'coffee' })
  expect(await counts()).toEqual(['coffee 2'])
  await shop.admin('DELETE', `/products/${id}`)
  expect(await counts()).toEqual(['coffee 1'])
})

test('comes in pages, too', async () => {
  for (const category of ['b', 'c', 'a']) await shop.create({ category })
  const first = await categories({ limit: '2' })
  expect(first.items.map(({ name }) => name)).toEqual(['a', 'b'])
  const second = await categories({ limit: '2', cursor: first.nextCursor ?? '' })
  expect(second).toEqual({ items: [{ name: 'c', count: 1 }], nextCursor: null })
})

test('knows no filter', async () => {
  const answer = await shop.http.inject('/products/categories?category=tea')
  expect(answer.json()).toMatchObject({ status: 400, errors: [{ in: 'query', field: 'category' }] })
})
