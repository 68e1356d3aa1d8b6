import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, gt, isNull, lt, not, sql } from 'drizzle-orm'
import { z } from 'zod'
import { everything } from '../projecting/evict.ts'
import { productView, toProductView } from '../reading/product-view.ts'
import { products, stocks } from '../schema.ts'

const querystring = z.strictObject({
  ...pageQuery,
  category: z.string().max(100).optional().describe('exactly as it is written'),
  inStock: z
    .enum(['true', 'false'], 'must be true or false')
    .transform(text => text === 'true')
    .optional(),
})

const cursorKey = z.tuple([z.uuid()])

const isInStock = gt(sql`coalesce(${stocks.available}, 0)`, 0)

/** `GET /q/products`, newest first, from the cache. */
export const listProducts: Route = (app, { db, cache }) => {
  const schema = { summary: 'List products', tags: ['products'], querystring, response: { 200: pageOf(productView) } }

  app.get('/q/products', { config: { access: 'public' }, schema }, async (request, reply) => {
    const { limit, cursor, category, inStock } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const key = `products?${JSON.stringify({ limit, before, category, inStock })}`
    return cache.serve(reply, { key, tags: [everything, 'products'] }, async () => {
      const rows = await db
        .select({ product: products, stock: stocks })
        .from(products)
        .leftJoin(stocks, eq(stocks.productId, products.id))
        .where(
          and(
            isNull(products.deletedAt),
            before ? lt(products.id, before[0]) : undefined,
            category === undefined ? undefined : eq(products.category, category),
            inStock === undefined ? undefined : inStock ? isInStock : not(isInStock),
          ),
        )
        .orderBy(desc(products.id))
        .limit(limit + 1)
      return page(rows.map(toProductView), limit, ({ id }) => [id])
    })
  })
}
