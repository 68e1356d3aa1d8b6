import { rejections, type Route } from '@feira/chassis'
import { asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import { orderView } from '../order-view.ts'
import { orderHistory } from '../schema.ts'

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
  const params = z.object({ id: z.uuid() })
  const schema = { summary: 'Read what happened to an order', tags: ['orders'], params, response: { 200: historyView } }

  app.get('/orders/:id/history', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { id } = request.params
    const items = await db
      .select()
      .from(orderHistory)
      .where(eq(orderHistory.orderId, id))
      .orderBy(asc(orderHistory.version))
    if (items.length === 0) throw rejections.notFound('order', id)
    return { items }
  })
}
