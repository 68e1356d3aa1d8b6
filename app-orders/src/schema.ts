import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Payload } from '@feira/contracts'
import type { orderRefused } from '@feira/contracts/orders'
import type { Customer, OrderItem, OrderStatus, ShippingAddress } from './domain/order.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const cents = (name: string) => bigint(name, { mode: 'number' })

export const orders = pgTable(
  'orders',
  {
    /** UUIDv7: its order is the order of creation, which lists, their cursors and payment deadlines rely on. */
    id: uuid().primaryKey(),
    /** Kept after the person is erased; the name, e-mail and address are not. */
    userId: uuid('user_id'),
    userName: text('user_name'),
    userEmail: text('user_email'),
    userLocale: text('user_locale').$type<NonNullable<Customer['userLocale']>>(),
    status: text().$type<OrderStatus>().notNull(),
    /** As they were priced; empty for a quick order. */
    items: jsonb().$type<OrderItem[]>().notNull().default([]),
    shippingAddress: jsonb('shipping_address').$type<ShippingAddress>(),
    totalCents: cents('total_cents').notNull(),
    currency: text().notNull(),
    /** Set also while a payment waits for the reservation of a pending order. */
    paymentReceived: boolean('payment_received').notNull().default(false),
    paymentReference: text('payment_reference'),
    /** The partner's event that placed it; both null where a customer did. One event places one order. */
    originPartnerId: uuid('origin_partner_id'),
    originEventId: uuid('origin_event_id'),
    version: integer().notNull(),
    /** Whether the tallies count it; false until `sum-tallies` has taken in what release 0.1 wrote. */
    tallied: boolean().notNull().default(false),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  table => [
    index('orders_user').on(table.userId, table.id),
    index('orders_status').on(table.status, table.id),
    uniqueIndex('orders_origin_event')
      .on(table.originEventId)
      .where(sql`origin_event_id is not null`),
    index('orders_untallied')
      .on(table.id)
      .where(sql`not tallied`),
  ],
)

const tally = {
  /** On which orders were placed, in UTC. */
  day: date().notNull(),
  status: text().$type<OrderStatus>().notNull(),
  orders: bigint({ mode: 'number' }).notNull(),
  totalCents: cents('total_cents').notNull(),
}

/** How many orders of a day are in a state, and what they come to: so that statistics need not read all orders. */
export const orderTallies = pgTable('order_tallies', tally, table => [
  primaryKey({ columns: [table.day, table.status] }),
])

/**
 * What is still to be added to the tallies, as differences. Whoever writes orders only adds rows here, and so waits for
 * nobody; the job `sum-tallies` sums them up.
 */
export const orderTallyChanges = pgTable('order_tally_changes', tally)

/** One row per version of an order. */
export const orderHistory = pgTable(
  'order_history',
  {
    orderId: uuid('order_id').notNull(),
    version: integer().notNull(),
    status: text().$type<OrderStatus>().notNull(),
    reason: text(),
    /** Whether a person wrote the reason: then it may say anything about anybody, and goes with the customer's data. */
    reasonTyped: boolean('reason_typed').notNull().default(false),
    at: at('at').notNull(),
  },
  table => [primaryKey({ columns: [table.orderId, table.version] })],
)

/** Replica of the users, as far as orders need them. A row with `deletedAt` is final: nothing older can undo it. */
export const customers = pgTable('customers', {
  id: uuid().primaryKey(),
  version: integer().notNull(),
  name: text(),
  email: text(),
  locale: text().$type<NonNullable<Customer['userLocale']>>(),
  status: text().$type<'active' | 'blocked'>().notNull(),
  deletedAt: at('deleted_at'),
})

/** Replica of the products, as far as orders need them. A row with `deletedAt` is final: nothing older can undo it. */
export const priceList = pgTable(
  'price_list',
  {
    productId: uuid('product_id').primaryKey(),
    version: integer().notNull(),
    /** In capitals. Null in what releases up to 0.1 noted, until a refill brings it, and in a tombstone. */
    sku: text(),
    name: text().notNull(),
    priceCents: cents('price_cents').notNull(),
    currency: text().notNull(),
    deletedAt: at('deleted_at'),
  },
  table => [
    // Not unique: a SKU that moves from one product to another may be heard of at its new place first.
    index('price_list_sku').on(table.sku),
    index('price_list_without_sku')
      .on(table.productId)
      .where(sql`sku is null and deleted_at is null`),
  ],
)

/** What was decided about events of partners: one row for each that was obeyed or refused, for ever. */
export const partnerDecisions = pgTable('partner_decisions', {
  eventId: uuid('event_id').primaryKey(),
  /** What `order.refused` said; null for an event that was obeyed. */
  refusal: jsonb().$type<Payload<typeof orderRefused>>(),
  decidedAt: at('decided_at').notNull(),
})

/** Requests for all that the replicas hold; at most one is open. */
export const refills = pgTable(
  'refills',
  {
    requestId: uuid('request_id').primaryKey(),
    /** How many were asked in vain before it. */
    attempt: integer().notNull(),
    requestedAt: at('requested_at').notNull(),
    completedAt: at('completed_at'),
    /** When it was given up and another one took its place. */
    replacedAt: at('replaced_at'),
  },
  table => [
    uniqueIndex('refills_open')
      .on(sql`(completed_at is null)`)
      .where(sql`completed_at is null and replaced_at is null`),
    index('refills_requested_at').on(table.requestedAt),
  ],
)

/** What came in answer to a refill, per kind of aggregate. */
export const refillKinds = pgTable(
  'refill_kinds',
  {
    requestId: uuid('request_id').notNull(),
    kind: text().notNull(),
    /** What its owner says it has sent; unknown until it says so, perhaps before the last row. */
    expected: integer(),
    received: integer().notNull().default(0),
  },
  table => [primaryKey({ columns: [table.requestId, table.kind] })],
)
