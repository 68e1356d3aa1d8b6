import { decodeCursor, firstIdAt, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import { z } from 'zod'
import { orderView, toView } from '../order-view.ts'
import { orders } from '../schema.ts'

const querystring = z.strictObject({
  ...pageQuery,
  status: orderView.shape.status.optional(),
  userId: z.uuid().optional(),
  from: z.iso.datetime({ offset: true }).optional().describe('placed at this time or later'),
  to: z.iso.datetime({ offset: true }).optional().describe('placed before this time'),
})

const cursorKey = z.tuple([z.uuid()])

/** `GET /orders`, newest first. */
export const listOrders: Route = (app, { db }) => {
  const schema = { summary: 'List orders', tags: ['orders'], querystring, response: { 200: pageOf(orderView) } }

  app.get('/orders', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { limit, cursor, status, userId, from, to } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const rows = await db
      .select()
      .from(orders)
      .where(
        and(
          before ? lt(orders.id, before[0]) : undefined,
          status ? eq(orders.status, status) : undefined,
          userId ? eq(orders.userId, userId) : undefined,
          // An id tells when it was made, so times need no index of their own.
          from ? gte(orders.id, firstIdAt(new Date(from))) : undefined,
          to ? lt(orders.id, firstIdAt(new Date(to))) : undefined,
        ),
      )
      .orderBy(desc(orders.id))
      .limit(limit + 1)
    return page(rows.map(toView), limit, ({ id }) => [id])
  })
}
