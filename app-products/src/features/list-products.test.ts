import { encodeCursor } from '@feira/chassis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop

const catalogue = [
  { sku: 'CAFE-250', name: 'Café da Serra 250 g', price: 29.9, stock: 10, category: 'coffee' },
  { sku: 'CAFE-500', name: 'Café da Serra 500 g', price: 54.9, stock: 0, category: 'coffee' },
  { sku: 'CHA-100', name: 'Chá Preto 100%', price: 12.5, stock: 3, category: 'tea' },
  { sku: 'ACUCAR_1', name: 'Açúcar Mascavo', price: 8, stock: 50, category: 'Mercearia' },
  { sku: String.raw`MOLHO\2`, name: 'Molho de Pimenta', price: 15, stock: 7 },
]

beforeAll(async () => {
  shop = await openShop()
  for (const product of catalogue) await shop.create(product)
  const gone = await shop.create({ sku: 'GONE', name: 'Café velho', price: 30, category: 'coffee' })
  await shop.admin('DELETE', `/products/${gone.id}`)
})
afterAll(() => shop[Symbol.asyncDispose]())

async function list(query: Record<string, string> = {}): Promise<{ items: Product[]; nextCursor: string | null }> {
  const answer = await shop.http.inject({ url: '/products', query })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}
const skus = async (query: Record<string, string>) => (await list(query)).items.map(({ sku }) => sku)
const all = catalogue.map(({ sku }) => sku).toReversed()

test('shows every product for sale as it can be read alone, newest first', async () => {
  const { items, nextCursor } = await list()
  expect(items.map(({ sku }) => sku)).toEqual(all)
  expect(nextCursor).toBeNull()
  for (const item of items) expect(await shop.read(item.id)).toEqual(item)
})

test('goes on where the page before ended', async () => {
  const met: string[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list({ limit: '2', ...(cursor === undefined ? {} : { cursor }) })
    expect(page.items.length).toBeLessThanOrEqual(2)
    met.push(...page.items.map(({ sku }) => sku))
    cursor = page.nextCursor
  }
  expect(met).toEqual(all)
})

describe('shows only those', () => {
  test.each<[string, Record<string, string>, string[]]>([
    ['of a category', { category: 'coffee' }, ['CAFE-500', 'CAFE-250']],
    ['of a category as it is written', { category: 'mercearia' }, []],
    ['of a price at least', { minPrice: '29.9' }, ['CAFE-500', 'CAFE-250']],
    ['of a price at most', { maxPrice: '12.50' }, ['ACUCAR_1', 'CHA-100']],
    ['between two prices', { minPrice: '12.5', maxPrice: '15' }, [String.raw`MOLHO\2`, 'CHA-100']],
    ['between two prices that leave nothing', { minPrice: '15', maxPrice: '12.5' }, []],
    ['of any price', { minPrice: '0', maxPrice: '10000000' }, all],
    ['in stock', { inStock: 'true' }, all.filter(sku => sku !== 'CAFE-500')],
    ['sold out', { inStock: 'false' }, ['CAFE-500']],
    ['whose name contains a word', { search: 'Serra' }, ['CAFE-500', 'CAFE-250']],
    ['whatever its case', { search: 'sERRA' }, ['CAFE-500', 'CAFE-250']],
    ['whatever its accents', { search: 'acucar' }, ['ACUCAR_1']],
    ['whatever accents it should not have', { search: 'pímenta' }, [String.raw`MOLHO\2`]],
    ['whose SKU contains it', { search: 'cha-1' }, ['CHA-100']],
    ['that contain every word, in name or SKU', { search: ' cafe  500 ' }, ['CAFE-500']],
    ['with a percent sign', { search: '100%' }, ['CHA-100']],
    ['with nothing but a percent sign', { search: '%' }, ['CHA-100']],
    ['with an underscore', { search: '_' }, ['ACUCAR_1']],
    ['with a backslash', { search: '\\' }, [String.raw`MOLHO\2`]],
    ['that a quote finds', { search: "'; drop table products --" }, []],
    ['that a blank search finds', { search: ' ' }, all],
    [
      'that fit everything at once',
      { category: 'coffee', search: 'serra', inStock: 'true', maxPrice: '30' },
      ['CAFE-250'],
    ],
  ])('%s', async (_what, query, expected) => {
    expect(await skus(query)).toEqual(expected)
  })
})

test.each<[string, Record<string, string>, string]>([
  ['a price in words', { minPrice: 'cheap' }, 'minPrice'],
  ['a negative price', { minPrice: '-1' }, 'minPrice'],
  ['a price with three decimals', { maxPrice: '1.999' }, 'maxPrice'],
  ['an empty price', { maxPrice: '' }, 'maxPrice'],
  ['a stock that is neither', { inStock: 'yes' }, 'inStock'],
  ['a long search', { search: 'x'.repeat(101) }, 'search'],
  ['an unknown filter', { colour: 'red' }, 'colour'],
  ['a limit of 0', { limit: '0' }, 'limit'],
  ['a limit of 101', { limit: '101' }, 'limit'],
  ['a forged cursor', { cursor: encodeCursor(["'; drop table products --"]) }, 'cursor'],
])('%s is refused', async (_what, query, field) => {
  const answer = await shop.http.inject({ url: '/products', query })
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
})

test('is served from the cache until something changes', async () => {
  const state = async (query: Record<string, string>) =>
    (await shop.http.inject({ url: '/products', query })).headers['x-cache']
  const query = { search: 'serra', limit: '7' }
  const first = await state(query)
  expect([first, await state(query), await state({ ...query, limit: '8' })]).toEqual(['MISS', 'HIT', 'MISS'])
  const [coffee] = (await list({ search: 'cafe-250' })).items
  await shop.admin('POST', `/products/${coffee?.id}/stock`, { adjustment: 1, reason: 'found' })
  expect(await state(query)).toBe('MISS')
  expect((await list({ search: 'cafe-250' })).items[0]?.stock).toBe(11)
})

test('an index serves the search among many products', async () => {
  await shop.sql(`
    insert into products (id, sku, name, price_cents, currency, available, reserved, stock_version, search_text, version,
      created_at, updated_at)
    select gen_random_uuid(), 'S-' || n, md5(n::text), 100, 'BRL', 1, 0, 1, md5(n::text), 1, now(), now()
    from generate_series(1, 20000) as n`)
  await shop.sql('analyze products')
  const plan = await shop.sql<{ 'QUERY PLAN': string }>(
    `explain select * from products where deleted_at is null and search_text like '%pimenta%' order by id desc limit 21`,
  )
  expect(plan.map(line => line['QUERY PLAN']).join('\n')).toContain('products_search')
})
