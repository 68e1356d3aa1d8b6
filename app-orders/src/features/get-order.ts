import { callerOf, mayAccess, rejections, versioned, type Route } from '@feira/chassis'
import { eq, sql } from 'drizzle-orm'
import { orderPath } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import { toOrder } from '../order-row.ts'
import { orderView, toView } from '../order-view.ts'
import { orders } from '../schema.ts'

/** `GET /orders/:id` */
export const getOrder: Route<Config> = (app, { db, config }) => {
  const byId = db
    .select()
    .from(orders)
    .where(eq(orders.id, sql.placeholder('id')))
    .prepare('order-by-id')
  const schema = { summary: 'Read one order', tags: ['orders'], params: orderPath, response: { 200: orderView } }

  app.get(
    '/orders/:id',
    { config: { access: ['user', 'admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const [order] = await byId.execute({ id })
      if (!order || !mayAccess(callerOf(request), order.userId)) throw rejections.notFound('order', id)
      return versioned(request, reply, order.version, toView(toOrder(order), config))
    },
  )
}
