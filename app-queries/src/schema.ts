import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  index,
  integer,
  jsonb,
  pgSchema,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const cents = (name: string) => bigint(name, { mode: 'number' })

export type OrderStatus = 'pending' | 'reserved' | 'paid' | 'shipped' | 'completed' | 'cancelled' | 'refunded'
export type InvoiceStatus = 'issued' | 'paid' | 'void'
export type Locale = 'pt-BR' | 'en'

export interface OrderItem {
  readonly productId: string
  readonly name: string
  readonly quantity: number
  readonly unitPriceCents: number
}

/** What can be thrown away and made again: it lies in a schema of its own, so that a rebuild puts another in its place. */
export const model = pgSchema('model')

/** One row for each order, as its newest event shows it. Like all tables of the model, each row with its own version. */
export const orders = model.table(
  'orders',
  {
    /** UUIDv7: its order is the order of creation, which lists and their cursors rely on. */
    id: uuid().primaryKey(),
    version: integer().notNull(),
    userId: uuid('user_id'),
    /** Null when nobody is known, or was erased. */
    customerName: text('customer_name'),
    customerEmail: text('customer_email'),
    status: text().$type<OrderStatus>().notNull(),
    items: jsonb().$type<readonly OrderItem[]>().notNull(),
    totalCents: cents('total_cents').notNull(),
    currency: text().notNull(),
    createdAt: at('created_at').notNull(),
    /** When it got this version. */
    changedAt: at('changed_at').notNull(),
  },
  table => [index('orders_user').on(table.userId, table.id), index('orders_status').on(table.status, table.id)],
)

/** A row with `deletedAt` is final: nothing older can undo it. */
export const users = model.table('users', {
  id: uuid().primaryKey(),
  version: integer().notNull(),
  name: text(),
  email: text(),
  role: text().$type<'user' | 'admin' | 'partner'>(),
  status: text().$type<'active' | 'blocked'>(),
  locale: text().$type<Locale>(),
  createdAt: at('created_at'),
  updatedAt: at('updated_at'),
  deletedAt: at('deleted_at'),
})

/** A row with `deletedAt` is final: nothing older can undo it. */
export const products = model.table(
  'products',
  {
    id: uuid().primaryKey(),
    version: integer().notNull(),
    /** Null in the row of a product of which only the deletion was heard. */
    sku: text(),
    name: text(),
    priceCents: cents('price_cents'),
    currency: text(),
    category: text(),
    createdAt: at('created_at'),
    updatedAt: at('updated_at'),
    deletedAt: at('deleted_at'),
  },
  table => [index('products_category').on(table.category, table.id)],
)

/** Apart from the product: it has versions of its own, and may be heard of first. */
export const stocks = model.table('stocks', {
  productId: uuid('product_id').primaryKey(),
  version: integer().notNull(),
  available: integer().notNull(),
  reserved: integer().notNull(),
})

export const invoices = model.table(
  'invoices',
  {
    id: uuid().primaryKey(),
    version: integer().notNull(),
    orderId: uuid('order_id').notNull(),
    number: text().notNull(),
    userId: uuid('user_id'),
    status: text().$type<InvoiceStatus>().notNull(),
    totalCents: cents('total_cents').notNull(),
    currency: text().notNull(),
    issuedAt: at('issued_at').notNull(),
    paidAt: at('paid_at'),
    voidedAt: at('voided_at'),
  },
  table => [index('invoices_order').on(table.orderId), index('invoices_issued').on(table.issuedAt)],
)

export const notifications = model.table(
  'notifications',
  {
    id: uuid().primaryKey(),
    version: integer().notNull(),
    orderId: uuid('order_id'),
    userId: uuid('user_id'),
    channel: text().$type<'email' | 'sms'>().notNull(),
    template: text(),
    recipient: text(),
    status: text().$type<'sent' | 'failed'>().notNull(),
    /** When it was sent or given up. */
    at: at('at').notNull(),
  },
  table => [
    index('notifications_order').on(table.orderId, table.at),
    index('notifications_user').on(table.userId),
    // By which an erased person's address is found where nobody said whose it is.
    index('notifications_unnamed')
      .on(table.recipient)
      .where(sql`user_id is null`),
  ],
)

/**
 * What happened to orders, in the order in which this service learned of it. It tells of messages, not of aggregates, so
 * no snapshot could bring it back: a rebuild leaves it alone.
 */
export const timeline = pgTable(
  'timeline',
  {
    /** In the order of commits: whoever has seen a number has seen all below it. */
    position: bigserial({ mode: 'number' }).primaryKey(),
    messageId: text('message_id').notNull().unique(),
    orderId: uuid('order_id').notNull(),
    /** Whose order it is, if the message says so. */
    userId: uuid('user_id'),
    type: text().notNull(),
    /** Which service published it. */
    service: text().notNull(),
    /** The version of the aggregate that it speaks of. */
    version: integer(),
    /** What it says in a word, e.g. an invoice's number; never about a person. */
    note: text(),
    traceId: text('trace_id').notNull(),
    /** When its publisher wrote it, and when this service did. */
    publishedAt: at('published_at').notNull(),
    projectedAt: at('projected_at').notNull(),
  },
  table => [
    index('timeline_order').on(table.orderId, table.position),
    index('timeline_user').on(table.userId, table.position),
  ],
)

export type RebuildState = 'running' | 'completed' | 'failed'

/** The times that the model was made again; the one that runs, or else the last, is the one that counts. */
export const rebuilds = pgTable(
  'rebuilds',
  {
    requestId: uuid('request_id').primaryKey(),
    state: text().$type<RebuildState>().notNull(),
    startedAt: at('started_at').notNull(),
    /** When something last came in answer to it, or a process started to wait for that. */
    progressedAt: at('progressed_at').notNull(),
    finishedAt: at('finished_at'),
    /** Why it failed. */
    reason: text(),
  },
  table => [
    uniqueIndex('rebuilds_running')
      .on(table.state)
      .where(sql`state = 'running'`),
  ],
)

/** How far a rebuild has come with each kind of aggregate. */
export const rebuildKinds = pgTable(
  'rebuild_kinds',
  {
    requestId: uuid('request_id').notNull(),
    kind: text().notNull(),
    /** Null until its owner has said how many it has. */
    expected: integer(),
    received: integer().notNull().default(0),
  },
  table => [primaryKey({ columns: [table.requestId, table.kind] })],
)
