import { sql, type SQL } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Payload } from '@feira/contracts'
import type { stockAdjusted, stockAdjustmentRefused } from '@feira/contracts/products'
import type { Item, ReservationState } from './domain/reservation.ts'
import type { MovementKind } from './domain/stock.ts'

const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const pieces = (name: string) => bigint(name, { mode: 'number' })
const forSale = sql`deleted_at is null`

export const products = pgTable(
  'products',
  {
    /** UUIDv7: its order is the order of creation, which lists and their cursors rely on. */
    id: uuid().primaryKey(),
    sku: text().notNull(),
    name: text().notNull(),
    description: text(),
    category: text(),
    priceCents: bigint('price_cents', { mode: 'number' }).notNull(),
    currency: text().notNull(),
    /** The sum of the product's movements, like `reserved`; both change only together with the ledger. */
    available: pieces('available').notNull(),
    reserved: pieces('reserved').notNull(),
    /** A column, because an index on `available` itself would have to be rewritten with every order. */
    inStock: boolean('in_stock')
      .notNull()
      .generatedAlwaysAs((): SQL => sql`available > 0`),
    stockVersion: integer('stock_version').notNull(),
    /** The youngest event of a partner that set the stock: an older one that comes after it is out of date. */
    stockSetBy: uuid('stock_set_by'),
    /** Name and SKU without case and accents. */
    searchText: text('search_text').notNull(),
    version: integer().notNull(),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    /** Set once it is no longer for sale. The row stays: orders hold what they had set aside, and the ledger goes on. */
    deletedAt: at('deleted_at'),
  },
  table => [
    uniqueIndex('products_sku').on(table.sku).where(forSale),
    index('products_for_sale').on(table.id).where(forSale),
    index('products_category').on(table.category, table.id).where(forSale),
    index('products_in_stock').on(table.inStock, table.id).where(forSale),
    index('products_price').on(table.priceCents).where(forSale),
    index('products_search')
      .using('gin', sql`search_text gin_trgm_ops`)
      .where(forSale),
    // The last line of defence: what would break them is refused long before.
    check('products_price_positive', sql`price_cents > 0`),
    check('products_available_not_negative', sql`available >= 0`),
    check('products_reserved_not_negative', sql`reserved >= 0`),
  ],
)

/** The ledger: every change of a product's stock, as differences. Only ever added to. */
export const movements = pgTable(
  'movements',
  {
    /** UUIDv7, made while the product is locked: the order of the movements. */
    id: uuid().primaryKey(),
    productId: uuid('product_id')
      .notNull()
      .references(() => products.id),
    orderId: uuid('order_id'),
    kind: text().$type<MovementKind>().notNull(),
    available: pieces('available').notNull(),
    reserved: pieces('reserved').notNull(),
    reason: text(),
    at: at('at').notNull(),
  },
  table => [index('movements_product').on(table.productId, table.id)],
)

/** What was answered to events of partners: one row for each, for ever, so that the same event gets the same answer. */
export const partnerAnswers = pgTable('partner_answers', {
  eventId: uuid('event_id').primaryKey(),
  /** One of the two is set, once the transaction that claimed the event commits. */
  adjusted: jsonb().$type<Payload<typeof stockAdjusted>>(),
  refused: jsonb().$type<Payload<typeof stockAdjustmentRefused>>(),
})

/** What each order has here: one row for ever, so that no message about it does anything twice. */
export const reservations = pgTable('reservations', {
  orderId: uuid('order_id').primaryKey(),
  state: text().$type<ReservationState>().notNull(),
  /** Each product once. Empty when a release or shipping arrived first. */
  items: jsonb().$type<readonly Item[]>().notNull(),
  createdAt: at('created_at').notNull(),
  updatedAt: at('updated_at').notNull(),
})
