import { newId, type Cause, type Transaction } from '@feira/chassis'
import { stockChanged } from '@feira/contracts/products'
import { StockBook, type StockLevel } from './domain/stock.ts'

interface LockedRow {
  readonly id: string
  /** PostgreSQL's bigint arrives as text. */
  readonly available: string
  readonly reserved: string
  readonly deleted: boolean
}

/**
 * Locks products until the transaction ends, always in the order of their ids, so that two transactions wait for each
 * other at most in one direction. @returns a book of those that exist.
 */
export async function lockStock(tx: Transaction, productIds: Iterable<string>): Promise<StockBook> {
  const { rows } = await tx.query<LockedRow & Record<string, unknown>>({
    name: 'lock-stock',
    text: `select id, available, reserved, deleted_at is not null as deleted from products
           where id = any($1::uuid[]) order by id for update`,
    values: [[...new Set(productIds)]],
  })
  return new StockBook(
    rows.map(({ id, available, reserved, deleted }) => {
      return { id, available: Number(available), reserved: Number(reserved), deleted }
    }),
  )
}

export interface StockWritten extends StockLevel {
  readonly id: string
  readonly stockVersion: number
}

/**
 * Stores what a book of locked products moved: the ledger, and the stock of each product that was moved, in its next
 * version. Publishes one `stock.changed` for each of them, however often it was moved.
 * @param causes the message behind the movements of each order, or of each product that was moved for no order.
 */
export async function writeStock(
  tx: Transaction,
  book: StockBook,
  at: Date,
  causes: ReadonlyMap<string, Cause> = new Map(),
): Promise<StockWritten[]> {
  if (book.movements.length === 0) return []
  const { rows } = await tx.query<Record<keyof StockWritten, string>>({
    name: 'write-stock',
    text: write,
    values: valuesOf(book, at),
  })
  const lastOrder = new Map(book.movements.map(({ productId, orderId }) => [productId, orderId]))
  const written = rows.map(row => toWritten(row))
  for (const { id, stockVersion, available, reserved } of written) {
    const cause = causes.get(lastOrder.get(id) ?? id)
    tx.publish(stockChanged, { productId: id, version: stockVersion, available, reserved }, cause ? { cause } : {})
  }
  tx.invalidate('products', ...written.map(({ id }) => `product:${id}`))
  return written
}

const write = `
  with ledger as (
    insert into movements (id, product_id, order_id, kind, available, reserved, reason, at)
    select *, $8 from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[]))
  update products set available = level.available, reserved = level.reserved, stock_version = stock_version + 1
  from unnest($9::uuid[], $10::bigint[], $11::bigint[]) as level (id, available, reserved)
  where products.id = level.id
  returning products.id, products.available, products.reserved, stock_version as "stockVersion"`

function valuesOf(book: StockBook, at: Date): unknown[] {
  const { movements } = book
  const levels = book.changed()
  return [
    movements.map(() => newId()),
    movements.map(({ productId }) => productId),
    movements.map(({ orderId }) => orderId),
    movements.map(({ kind }) => kind),
    movements.map(({ available }) => available),
    movements.map(({ reserved }) => reserved),
    movements.map(({ reason }) => reason),
    at,
    levels.map(({ id }) => id),
    levels.map(({ available }) => available),
    levels.map(({ reserved }) => reserved),
  ]
}

function toWritten({ id, available, reserved, stockVersion }: Record<keyof StockWritten, string>): StockWritten {
  return { id, available: Number(available), reserved: Number(reserved), stockVersion: Number(stockVersion) }
}
