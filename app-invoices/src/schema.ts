import { bigint, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

export type InvoiceStatus = 'issued' | 'paid' | 'void'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const invoices = pgTable(
  'invoices',
  {
    /** UUIDv7: its order is the order of creation, which lists and their cursors rely on. */
    id: uuid().primaryKey(),
    /** Unique: an order has one invoice, whatever is delivered twice. */
    orderId: uuid('order_id').notNull().unique(),
    number: text().notNull().unique(),
    userId: uuid('user_id'),
    status: text().$type<InvoiceStatus>().notNull(),
    totalCents: bigint('total_cents', { mode: 'number' }).notNull(),
    currency: text().notNull(),
    version: integer().notNull(),
    issuedAt: at('issued_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  table => [index('invoices_user').on(table.userId, table.id), index('invoices_status').on(table.status, table.id)],
)

/** The last number given in each year. Its row is locked by whoever numbers, until that transaction ends. */
export const invoiceCounters = pgTable('invoice_counters', {
  year: integer().primaryKey(),
  last: integer().notNull(),
})
