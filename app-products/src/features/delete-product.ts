import type { Route } from '@feira/chassis'
import { productDeleted } from '@feira/contracts/products'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { productParams as params } from '../product-fields.ts'
import { lockProduct } from '../product-writing.ts'
import { products } from '../schema.ts'

/** `DELETE /products/:id` → `product.deleted`. What was ordered stays ordered, and the ledger stays. */
export const deleteProduct: Route = (app, { transact }) => {
  const schema = { summary: 'Take a product off sale', tags: ['products'], params, response: { 204: z.void() } }

  app.delete('/products/:id', { config: { access: ['admin'], conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    await transact(async tx => {
      const row = await lockProduct(tx, request, id)
      const [version, deletedAt] = [row.version + 1, new Date()]
      await tx.db.update(products).set({ version, deletedAt, updatedAt: deletedAt }).where(eq(products.id, id))
      tx.publish(productDeleted, { productId: id, version, deletedAt: deletedAt.toISOString() })
      tx.invalidate('products', 'categories', `product:${id}`)
    })
    return reply.code(204).send()
  })
}
