import { encodeCursor, newId } from '@feira/chassis'
import { productCreated, productDeleted, stockChanged } from '@feira/contracts/products'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { tell } from '../testing/stories.ts'

let model: OpenModel

const known = [
  { name: 'Café', category: 'coffee', available: 7 },
  { name: 'Café forte', category: 'coffee', available: 0 },
  { name: 'Chá', category: 'tea', available: 3 },
  { name: 'Novo', category: null, available: undefined },
].map(product => ({ ...product, productId: newId() }))
const gone = newId()

beforeAll(async () => {
  model = await openModel()
  for (const { productId, name, category, available } of known) {
    await model.told(tell(productCreated, { ...productCreated.example, productId, name, category }))
    if (available !== undefined) await model.told(tell(stockChanged, { productId, version: 4, available, reserved: 2 }))
  }
  await model.told(
    tell(productCreated, { ...productCreated.example, productId: gone }),
    tell(productDeleted, { ...productDeleted.example, productId: gone, version: 2 }),
    // Stock of what nobody has introduced, and the end of it.
    tell(stockChanged, { productId: newId(), version: 1, available: 5, reserved: 0 }),
    tell(productDeleted, { ...productDeleted.example, productId: newId(), version: 2 }),
  )
})
afterAll(() => model[Symbol.asyncDispose]())

const get = (query: Record<string, string> = {}) => model.http.inject({ url: '/q/products', query })

async function list(query: Record<string, string> = {}) {
  const answer = await get(query)
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json<{ items: { id: string; name: string }[]; nextCursor: string | null }>()
}
const names = async (query?: Record<string, string>) => (await list(query)).items.map(({ name }) => name)

test('shows a product with its stock to everybody', async () => {
  const { sku, priceCents, currency, createdAt, updatedAt } = productCreated.example
  expect((await list()).items.at(-1)).toEqual({
    id: known[0]?.productId,
    sku,
    name: 'Café',
    category: 'coffee',
    price: priceCents / 100,
    priceCents,
    currency,
    stock: 7,
    reserved: 2,
    version: 1,
    stockVersion: 4,
    createdAt,
    updatedAt,
  })
})

test('one whose stock is not known yet says so', async () => {
  expect((await list()).items[0]).toMatchObject({ name: 'Novo', stock: null, reserved: null, stockVersion: null })
})

describe('shows, newest first and without deleted ones,', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['all', {}, ['Novo', 'Chá', 'Café forte', 'Café']],
    ['those of a category', { category: 'coffee' }, ['Café forte', 'Café']],
    ['those of a category as it is written', { category: 'Coffee' }, []],
    ['those in stock', { inStock: 'true' }, ['Chá', 'Café']],
    ['those not known to be in stock', { inStock: 'false' }, ['Novo', 'Café forte']],
    ['those of a category in stock', { category: 'coffee', inStock: 'true' }, ['Café']],
  ])('%s', async (_what, query, expected) => {
    expect(await names(query)).toEqual(expected)
  })
})

test('goes on where the page before ended', async () => {
  const first = await list({ limit: '3' })
  expect(first.items).toHaveLength(3)
  expect(await names({ limit: '3', cursor: first.nextCursor ?? '' })).toEqual(['Café'])
})

test('is kept until a product or its stock changes', async () => {
  const state = async () => (await get({ limit: '9' })).headers['x-cache']
  expect([await state(), await state()]).toEqual(['MISS', 'HIT'])
  const productId = known[2]?.productId ?? ''
  await model.told(tell(stockChanged, { productId, version: 5, available: 2, reserved: 3 }))
  expect(await state()).toBe('MISS')
  expect((await list({ limit: '9' })).items[1]).toMatchObject({ name: 'Chá', stock: 2, reserved: 3 })
  await model.told(tell(productDeleted, { ...productDeleted.example, productId: gone, version: 3 }))
  expect(await state()).toBe('MISS')
})

test.each<[string, Record<string, string>, string]>([
  ['a stock that is neither', { inStock: 'yes' }, 'inStock'],
  ['a long category', { category: 'x'.repeat(101) }, 'category'],
  ['an unknown filter', { colour: 'red' }, 'colour'],
  ['a limit of 101', { limit: '101' }, 'limit'],
  ['a forged cursor', { cursor: encodeCursor([7]) }, 'cursor'],
])('%s is refused', async (_what, query, field) => {
  const answer = await get(query)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
})
