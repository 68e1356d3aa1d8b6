import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, gte, isNull, like, lt, lte } from 'drizzle-orm'
import { z } from 'zod'
import { fold } from '../domain/product.ts'
import { amount } from '../product-fields.ts'
import { productView, toView } from '../product-view.ts'
import { products } from '../schema.ts'

const bound = amount('must be at least 0, at most 10000000, with at most two decimals', 0)

const querystring = z.strictObject({
  ...pageQuery,
  category: z.string().max(100).optional().describe('exactly as it is written'),
  search: z
    .string()
    .max(100)
    .transform(text => fold(text).split(/\s+/).filter(Boolean))
    .optional()
    .describe('words that name or SKU contain, whatever their case and accents'),
  minPrice: bound.optional(),
  maxPrice: bound.optional(),
  inStock: z
    .enum(['true', 'false'], 'must be true or false')
    .transform(text => text === 'true')
    .optional(),
})

type Filter = z.output<typeof querystring>

const cursorKey = z.tuple([z.uuid()])

/** `GET /products`, newest first, from the cache. */
export const listProducts: Route = (app, { db, cache }) => {
  const schema = { summary: 'List products', tags: ['products'], querystring, response: { 200: pageOf(productView) } }

  app.get('/products', { config: { access: 'public' }, schema }, async (request, reply) => {
    const { limit, cursor, ...filter } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const key = `products?${JSON.stringify({ limit, before, ...filter })}`
    return cache.serve(reply, { key, tags: ['products'] }, async () => {
      const rows = await db
        .select()
        .from(products)
        .where(and(isNull(products.deletedAt), before ? lt(products.id, before[0]) : undefined, ...conditions(filter)))
        .orderBy(desc(products.id))
        .limit(limit + 1)
      return page(rows.map(toView), limit, ({ id }) => [id])
    })
  })
}

function conditions({ category, search = [], minPrice, maxPrice, inStock }: Omit<Filter, 'limit' | 'cursor'>) {
  return [
    category === undefined ? undefined : eq(products.category, category),
    minPrice === undefined ? undefined : gte(products.priceCents, minPrice),
    maxPrice === undefined ? undefined : lte(products.priceCents, maxPrice),
    inStock === undefined ? undefined : eq(products.inStock, inStock),
    ...search.map(word => like(products.searchText, `%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`)),
  ]
}
