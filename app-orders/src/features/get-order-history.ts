import { callerOf, mayAccess, rejections, type Route } from '@feira/chassis'
import { asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import { orderPath } from '../advancing/change-order.ts'
import { orderView } from '../order-view.ts'
import { orderHistory, orders } from '../schema.ts'

const historyView = z
  .object({
    items: z.array(
      z.object({
        version: z.int(),
        status: orderView.shape.status,
        reason: z.string().nullable(),
        at: z.date(),
      }),
    ),
  })
  .meta({ id: 'OrderHistory' })

/** `GET /orders/:id/history` */
export const getOrderHistory: Route = (app, { db }) => {
  const schema = {
    summary: 'Read what happened to an order',
    tags: ['orders'],
    params: orderPath,
    response: { 200: historyView },
  }

  app.get('/orders/:id/history', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { id } = request.params
    const { version, status, reason, at } = orderHistory
    const rows = await db
      .select({ version, status, reason, at, userId: orders.userId })
      .from(orderHistory)
      .innerJoin(orders, eq(orders.id, orderHistory.orderId))
      .where(eq(orderHistory.orderId, id))
      .orderBy(asc(version))
    if (!rows[0] || !mayAccess(callerOf(request), rows[0].userId)) throw rejections.notFound('order', id)
    return { items: rows }
  })
}
