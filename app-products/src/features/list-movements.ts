import { decodeCursor, page, pageOf, pageQuery, rejections, type Route } from '@feira/chassis'
import { and, desc, eq, lt } from 'drizzle-orm'
import { z } from 'zod'
import { productParams as params } from '../product-fields.ts'
import { movements, products } from '../schema.ts'

const movement = z
  .object({
    id: z.uuid(),
    kind: z.enum(['initial', 'adjustment', 'set', 'reservation', 'release', 'sale', 'return']),
    stock: z.int().describe('how many more can be ordered, or with a minus fewer'),
    reserved: z.int().describe('how many more are set aside, or with a minus fewer'),
    orderId: z.uuid().nullable(),
    reason: z.string().nullable(),
    at: z.date(),
  })
  .meta({ id: 'StockMovement' })
const querystring = z.strictObject(pageQuery)
const cursorKey = z.tuple([z.uuid()])

/** `GET /products/:id/movements`: the ledger of a product, newest first; it outlives the product. */
export const listMovements: Route = (app, { db }) => {
  const response = { 200: pageOf(movement) }
  const schema = { summary: 'Read the stock ledger', tags: ['stock'], params, querystring, response }

  app.get('/products/:id/movements', { config: { access: ['admin'] }, schema }, async request => {
    const { id } = request.params
    const { limit, cursor } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const [product] = await db.select({ id: products.id }).from(products).where(eq(products.id, id))
    if (!product) throw rejections.notFound('product', id)
    const rows = await db
      .select()
      .from(movements)
      .where(and(eq(movements.productId, id), before ? lt(movements.id, before[0]) : undefined))
      .orderBy(desc(movements.id))
      .limit(limit + 1)
    return page(
      rows.map(({ available, ...row }) => ({ ...row, stock: available })),
      limit,
      row => [row.id],
    )
  })
}
