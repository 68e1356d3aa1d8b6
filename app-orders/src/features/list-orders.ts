import { callerOf, decodeCursor, firstIdAt, ownerFilter, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { toOrder } from '../order-row.ts'
import { orderView, toView } from '../order-view.ts'
import { orders } from '../schema.ts'
import { anyCase } from '../status-text.ts'

const querystring = z.strictObject({
  ...pageQuery,
  status: anyCase.optional(),
  userId: z.uuid().optional().describe('an admin sees the orders of everybody, a user only their own'),
  from: z.iso.datetime({ offset: true }).optional().describe('placed at this time or later'),
  to: z.iso.datetime({ offset: true }).optional().describe('placed before this time'),
})

const refusal = "Only an admin lists other users' orders."
const cursorKey = z.tuple([z.uuid()])

/** `GET /orders`, newest first. */
export const listOrders: Route<Config> = (app, { db, config }) => {
  const schema = { summary: 'List orders', tags: ['orders'], querystring, response: { 200: pageOf(orderView) } }

  app.get('/orders', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { limit, cursor, status, from, to } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const userId = ownerFilter(callerOf(request), request.query.userId, { field: 'userId', refusal })
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
    return page(
      rows.map(row => toView(toOrder(row), config)),
      limit,
      ({ id }) => [id],
    )
  })
}
