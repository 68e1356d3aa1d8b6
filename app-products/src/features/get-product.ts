import { rejections, versioned, type Route } from '@feira/chassis'
import { and, eq, isNull, sql } from 'drizzle-orm'
import { revisionOf } from '../domain/product.ts'
import { productParams as params } from '../product-fields.ts'
import { productView, toView } from '../product-view.ts'
import { products } from '../schema.ts'

/** `GET /products/:id`, from the cache. */
export const getProduct: Route = (app, { db, cache }) => {
  const byId = db
    .select()
    .from(products)
    .where(and(eq(products.id, sql.placeholder('id')), isNull(products.deletedAt)))
    .prepare('product-by-id')
  const schema = { summary: 'Read one product', tags: ['products'], params, response: { 200: productView } }

  app.get('/products/:id', { config: { access: 'public', conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    const product = await cache.serve(reply, { key: `product:${id}`, tags: [`product:${id}`] }, async () => {
      const [row] = await byId.execute({ id })
      if (!row) throw rejections.notFound('product', id)
      return toView(row)
    })
    return versioned(request, reply, revisionOf(product), product)
  })
}
