import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { Channel, Outcome, Priority, Status } from './domain/notification.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const notifications = pgTable(
  'notifications',
  {
    id: uuid().primaryKey(),
    channel: text().$type<Channel>().notNull(),
    status: text().$type<Status>().notNull(),
    priority: text().$type<Priority>().notNull(),
    /** Whom it is for, if that is a user. */
    userId: uuid('user_id'),
    /** What it is about, if that is an order. */
    orderId: uuid('order_id'),
    /** An e-mail address or a phone number; like what is said, null once the person was erased. */
    recipient: text(),
    subject: text(),
    text: text(),
    html: text(),
    /** Which letter it is, and the event it tells of: one of each. All null for a notification that an event did not cause. */
    template: text(),
    aggregateId: uuid('aggregate_id'),
    aggregateVersion: integer('aggregate_version'),
    /** The message that does the work; any other about the same notification is a duplicate. */
    workId: text('work_id'),
    attempts: integer().notNull().default(0),
    lastError: text('last_error'),
    /** Grows with every change that is published. */
    version: integer().notNull().default(1),
    /** Grows with every change that is visible. */
    revision: integer().notNull().default(1),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    sentAt: at('sent_at'),
    /** As its event told; null also for what was given up before this was kept. */
    failedAt: at('failed_at'),
  },
  table => [
    uniqueIndex('notifications_once').on(table.aggregateId, table.aggregateVersion, table.template),
    index('notifications_created').on(table.createdAt, table.id),
    index('notifications_user').on(table.userId, table.createdAt, table.id),
    index('notifications_order')
      .on(table.orderId, table.createdAt, table.id)
      .where(sql`order_id is not null`),
    index('notifications_recipient').on(table.recipient, table.createdAt, table.id),
    // Nearly all are sent e-mails: those need no index to be found.
    index('notifications_unsent')
      .on(table.status, table.createdAt, table.id)
      .where(sql`status <> 'sent'`),
    index('notifications_sms')
      .on(table.createdAt, table.id)
      .where(sql`channel = 'sms'`),
  ],
)

/** The ledger: every attempt to hand a notification over, written before it is made. */
export const deliveryAttempts = pgTable(
  'delivery_attempts',
  {
    notificationId: uuid('notification_id').notNull(),
    /** 1 for the first. */
    number: integer().notNull(),
    startedAt: at('started_at').notNull(),
    endedAt: at('ended_at'),
    /** Null while it runs, and for ever if its process died meanwhile: then nobody knows. */
    outcome: text().$type<Outcome>(),
    error: text(),
  },
  table => [primaryKey({ columns: [table.notificationId, table.number] })],
)
