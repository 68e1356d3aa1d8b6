import { callerOf, decodeCursor, isAdmin, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, lt } from 'drizzle-orm'
import { z } from 'zod'
import { invoiceView, toView } from '../invoice-view.ts'
import { invoices } from '../schema.ts'

const querystring = z.strictObject({
  ...pageQuery,
  status: invoiceView.shape.status.optional(),
  userId: z.uuid().optional(),
  orderId: z.uuid().optional(),
})

const cursorKey = z.tuple([z.uuid()])

/** `GET /invoices`, newest first; a user sees only their own, so another's `userId` gives an empty list. */
export const listInvoices: Route = (app, { db }) => {
  const schema = { summary: 'List invoices', tags: ['invoices'], querystring, response: { 200: pageOf(invoiceView) } }

  app.get('/invoices', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { limit, cursor, status, userId, orderId } = request.query
    const caller = callerOf(request)
    const before = decodeCursor(cursor, cursorKey)
    const rows = await db
      .select()
      .from(invoices)
      .where(
        and(
          before ? lt(invoices.id, before[0]) : undefined,
          isAdmin(caller) ? undefined : eq(invoices.userId, caller.id),
          status ? eq(invoices.status, status) : undefined,
          userId ? eq(invoices.userId, userId) : undefined,
          orderId ? eq(invoices.orderId, orderId) : undefined,
        ),
      )
      .orderBy(desc(invoices.id))
      .limit(limit + 1)
    return page(rows.map(toView), limit, ({ id }) => [id])
  })
}
