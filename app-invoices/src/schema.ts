import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import type { InvoiceStatus } from './domain/invoice.ts'

/** A line of the order, as the order tells it. */
export interface InvoiceItem {
  readonly productId: string
  readonly name: string
  readonly quantity: number
  readonly unitPriceCents: number
}

/** The language of the printed invoice. */
export type Locale = 'pt-BR' | 'en'

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
    /** Both null when nobody is known, or was erased. */
    customerName: text('customer_name'),
    customerEmail: text('customer_email'),
    /** Outlives the person: a printed invoice does not change its language. */
    locale: text().$type<Locale>(),
    /** When the customer was removed for good. */
    erasedAt: at('erased_at'),
    status: text().$type<InvoiceStatus>().notNull(),
    /** Empty for an order of an amount alone. */
    items: jsonb().$type<readonly InvoiceItem[]>().notNull().default([]),
    totalCents: bigint('total_cents', { mode: 'number' }).notNull(),
    currency: text().notNull(),
    version: integer().notNull(),
    /** The version of the order that the invoice reflects. */
    orderVersion: integer('order_version').notNull().default(1),
    /** The month in whose totals it counts, e.g. 2026-11; null until `count-invoices` has counted what release 0.1 issued. */
    month: text(),
    issuedAt: at('issued_at').notNull(),
    paidAt: at('paid_at'),
    voidedAt: at('voided_at'),
    updatedAt: at('updated_at').notNull(),
  },
  table => [
    index('invoices_user').on(table.userId, table.id),
    index('invoices_status').on(table.status, table.id),
    index('invoices_uncounted')
      .on(table.id)
      .where(sql`month is null`),
  ],
)

/** The last number given in each year. Its row is locked by whoever numbers, until that transaction ends. */
export const invoiceCounters = pgTable('invoice_counters', {
  year: integer().primaryKey(),
  last: integer().notNull(),
})

/** What is known of orders whose invoice is still to be issued: their payment or cancellation arrived first. */
export const invoiceMarks = pgTable('invoice_marks', {
  orderId: uuid('order_id').primaryKey(),
  orderVersion: integer('order_version').notNull(),
  paidAt: at('paid_at'),
  voidedAt: at('voided_at'),
  notedAt: at('noted_at').notNull(),
})

/**
 * Counts and sums, kept by the transactions that change an invoice so that reading them does not read all invoices.
 * `all` counts every invoice of the month, `paid` and `void` those that are so now: issuing and changing then write
 * different rows and do not wait for each other.
 */
export const invoiceTotals = pgTable(
  'invoice_totals',
  {
    month: text().notNull(),
    currency: text().notNull(),
    measure: text().$type<'all' | 'paid' | 'void'>().notNull(),
    count: bigint({ mode: 'number' }).notNull(),
    totalCents: bigint('total_cents', { mode: 'number' }).notNull(),
  },
  table => [primaryKey({ columns: [table.month, table.currency, table.measure] })],
)
