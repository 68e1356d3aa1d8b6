import { etagOf, type Route } from '@feira/chassis'
import { z } from 'zod'
import { revisionOf } from '../domain/product.ts'
import { productFields, productParams as params } from '../product-fields.ts'
import { productView, toView } from '../product-view.ts'
import { updateProduct } from '../product-writing.ts'

const body = z
  .strictObject(productFields)
  .partial()
  .refine(change => Object.keys(change).length > 0, {
    error: 'must name at least one field',
    when: ({ issues }) => issues.length === 0,
  })
  .meta({ examples: [{ price: 27.5, description: 'Roasted last week' }] })

/**
 * `PUT` and `PATCH /products/:id`, which are the same: what is not named stays → `product.updated`, `stock.changed`, as
 * far as they change.
 */
export const changeProduct: Route = (app, { transact }) => {
  const schema = { summary: 'Change a product', tags: ['products'], params, body, response: { 200: productView } }

  app.route({
    method: ['PUT', 'PATCH'],
    url: '/products/:id',
    config: { access: ['admin'], conditional: true },
    schema,
    handler: async (request, reply) => {
      const { price, stock, ...fields } = request.body
      const update = { fields: { ...fields, priceCents: price }, stock }
      const product = await transact(tx => updateProduct(tx, request, request.params.id, update))
      reply.header('etag', etagOf(revisionOf(product)))
      return toView(product)
    },
  })
}
