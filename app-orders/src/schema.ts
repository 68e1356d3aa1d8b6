import { bigint, index, integer, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { OrderStatus } from './domain/order.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const orders = pgTable(
  'orders',
  {
    /** UUIDv7: its order is the order of creation, which lists and their cursors rely on. */
    id: uuid().primaryKey(),
    userId: uuid('user_id'),
    userEmail: text('user_email'),
    status: text().$type<OrderStatus>().notNull(),
    totalCents: bigint('total_cents', { mode: 'number' }).notNull(),
    currency: text().notNull(),
    version: integer().notNull(),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  table => [index('orders_user').on(table.userId, table.id), index('orders_status').on(table.status, table.id)],
)

/** One row per version of an order. */
export const orderHistory = pgTable(
  'order_history',
  {
    orderId: uuid('order_id').notNull(),
    version: integer().notNull(),
    status: text().$type<OrderStatus>().notNull(),
    reason: text(),
    at: at('at').notNull(),
  },
  table => [primaryKey({ columns: [table.orderId, table.version] })],
)
