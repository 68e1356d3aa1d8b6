import { callerOf, decodeCursor, isAdmin, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, getTableColumns, sql } from 'drizzle-orm'
import { z } from 'zod'
import { notificationSummary, toSummary } from '../notification-view.ts'
import { notifications } from '../schema.ts'

const querystring = z.strictObject({
  ...pageQuery,
  channel: notificationSummary.shape.channel.optional(),
  status: notificationSummary.shape.status.optional(),
  recipient: z.string().max(254).optional().describe('an e-mail address or a phone number, as it is stored'),
  userId: z.uuid().optional().describe('whom they are for; for admins'),
  orderId: z.uuid().optional().describe('what they are about'),
})

// Dates, because PostgreSQL has no year 0 and ISO 8601 does.
const cursorKey = z.tuple([z.iso.datetime().transform(text => new Date(text)), z.uuid()])
const { text: _text, html: _html, ...columns } = getTableColumns(notifications)

/** `GET /notifications`, newest first; users see their own. */
export const listNotifications: Route = (app, { db }) => {
  const response = { 200: pageOf(notificationSummary) }
  const schema = { summary: 'List notifications', tags: ['notifications'], querystring, response }

  app.get('/notifications', { config: { access: ['user', 'admin'] }, schema }, async request => {
    const { limit, cursor, channel, status, recipient, userId, orderId } = request.query
    const caller = callerOf(request)
    const forAdmin = isAdmin(caller)
    const before = decodeCursor(cursor, cursorKey)
    const { id, createdAt } = notifications
    const rows = await db
      .select(columns)
      .from(notifications)
      .where(
        and(
          // Ids are made by whoever asks for a notification, so they do not tell its age.
          before ? sql`(${createdAt}, ${id}) < (${before[0]}::timestamptz, ${before[1]}::uuid)` : undefined,
          forAdmin ? undefined : eq(notifications.userId, caller.id),
          channel ? eq(notifications.channel, channel) : undefined,
          status ? eq(notifications.status, status) : undefined,
          recipient ? eq(notifications.recipient, recipient) : undefined,
          userId ? eq(notifications.userId, userId) : undefined,
          orderId ? eq(notifications.orderId, orderId) : undefined,
        ),
      )
      .orderBy(desc(createdAt), desc(id))
      .limit(limit + 1)
    return page(
      rows.map(row => toSummary(row, forAdmin)),
      limit,
      ({ id, createdAt }) => [createdAt, id],
    )
  })
}
