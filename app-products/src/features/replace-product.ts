import { etagOf, type Route } from '@feira/chassis'
import { z } from 'zod'
import { revisionOf } from '../domain/product.ts'
import { productFields, productParams as params } from '../product-fields.ts'
import { productView, toView } from '../product-view.ts'
import { updateProduct } from '../product-writing.ts'

const body = z.strictObject({
  ...productFields,
  category: productFields.category.default(null).describe('none when absent'),
  description: productFields.description.default(null).describe('none when absent'),
  stock: productFields.stock.optional().describe('left as it is when absent, because orders change it too'),
})

/** `PUT /products/:id` → `product.updated`, `stock.changed`, as far as they change. */
export const replaceProduct: Route = (app, { transact }) => {
  const schema = { summary: 'Replace a product', tags: ['products'], params, body, response: { 200: productView } }

  app.put('/products/:id', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { price, stock, ...fields } = request.body
    const update = { fields: { ...fields, priceCents: price }, stock }
    const product = await transact(tx => updateProduct(tx, request, request.params.id, update))
    reply.header('etag', etagOf(revisionOf(product)))
    return toView(product)
  })
}
