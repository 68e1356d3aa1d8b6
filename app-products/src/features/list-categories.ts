import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, asc, count, gt, isNotNull, isNull } from 'drizzle-orm'
import { z } from 'zod'
import { products } from '../schema.ts'

const category = z
  .object({ name: z.string(), count: z.int().describe('products for sale') })
  .meta({ id: 'ProductCategory' })
const querystring = z.strictObject(pageQuery)
const cursorKey = z.tuple([z.string()])

/** `GET /products/categories`, by name, from the cache. */
export const listCategories: Route = (app, { db, cache }) => {
  const schema = { summary: 'List categories', tags: ['products'], querystring, response: { 200: pageOf(category) } }

  app.get('/products/categories', { config: { access: 'public' }, schema }, async (request, reply) => {
    const { limit, cursor } = request.query
    const after = decodeCursor(cursor, cursorKey)
    const key = `categories?${JSON.stringify({ limit, after })}`
    return cache.serve(reply, { key, tags: ['categories'] }, async () => {
      const rows = await db
        .select({ name: products.category, count: count() })
        .from(products)
        .where(
          and(
            isNull(products.deletedAt),
            isNotNull(products.category),
            after ? gt(products.category, after[0]) : undefined,
          ),
        )
        .groupBy(products.category)
        .orderBy(asc(products.category))
        .limit(limit + 1)
      return page(
        rows.map(({ name, count }) => ({ name: name ?? '', count })),
        limit,
        ({ name }) => [name],
      )
    })
  })
}
