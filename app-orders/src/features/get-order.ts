import { rejections, versioned, type Route } from '@feira/chassis'
import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { orderView, toView } from '../order-view.ts'
import { orders } from '../schema.ts'

/** `GET /orders/:id` */
export const getOrder: Route = (app, { db }) => {
  const byId = db
    .select()
    .from(orders)
    .where(eq(orders.id, sql.placeholder('id')))
    .prepare('order-by-id')
  const params = z.object({ id: z.uuid() })
  const schema = { summary: 'Read one order', tags: ['orders'], params, response: { 200: orderView } }

  app.get('/orders/:id', { config: { access: ['user', 'admin'] }, schema }, async (request, reply) => {
    const { id } = request.params
    const [order] = await byId.execute({ id })
    if (!order) throw rejections.notFound('order', id)
    return versioned(request, reply, order.version, toView(order))
  })
}
