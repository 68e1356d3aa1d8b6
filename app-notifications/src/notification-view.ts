import { z } from 'zod'
import { channels, statuses } from './domain/notification.ts'
import type { notifications } from './schema.ts'

/** A notification in a list. */
export const notificationSummary = z
  .object({
    id: z.uuid(),
    channel: z.enum(channels),
    status: z.enum(statuses),
    priority: z.enum(['normal', 'high']),
    template: z.string().nullable().describe('which letter it is, e.g. `order-created`; null for a message of its own'),
    userId: z.uuid().nullable(),
    orderId: z.uuid().nullable(),
    recipient: z.string().nullable().describe('null once the person was erased'),
    subject: z.string().nullable(),
    version: z.int(),
    createdAt: z.iso.datetime(),
    sentAt: z.iso.datetime().nullable().describe('when the mail server or the provider took it'),
    attempts: z.int().optional().describe('for admins'),
    lastError: z.string().nullable().optional().describe('for admins'),
  })
  .meta({ id: 'NotificationSummary' })

/** A notification with what it says. */
export const notificationView = notificationSummary
  .extend({ text: z.string().nullable(), html: z.string().nullable() })
  .meta({ id: 'Notification' })

type Row = typeof notifications.$inferSelect
type SummaryRow = Omit<Row, 'text' | 'html'>

/** @param forAdmin adds what only those who run the shop should see. */
export function toSummary(row: SummaryRow, forAdmin: boolean): z.infer<typeof notificationSummary> {
  return {
    id: row.id,
    channel: row.channel,
    status: row.status,
    priority: row.priority,
    template: row.template,
    userId: row.userId,
    orderId: row.orderId,
    recipient: row.recipient,
    subject: row.subject,
    version: row.version,
    createdAt: row.createdAt.toISOString(),
    sentAt: row.sentAt?.toISOString() ?? null,
    ...(forAdmin ? { attempts: row.attempts, lastError: row.lastError } : {}),
  }
}

export function toView(row: Row, forAdmin: boolean): z.infer<typeof notificationView> {
  return { ...toSummary(row, forAdmin), text: row.text, html: row.html }
}
