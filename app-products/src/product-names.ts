import type { Transaction } from '@feira/chassis'
import { StockBook } from './domain/stock.ts'

export interface NamedProduct {
  readonly id: string
  readonly sku: string
  /** The youngest event of a partner that set its stock before this transaction. */
  readonly stockSetBy: string | null
}

/** Products for sale that this transaction has locked. */
export interface NamedStock {
  readonly book: StockBook
  /** @returns undefined for what is no product for sale. */
  readonly find: (name: string) => NamedProduct | undefined
}

interface Row extends NamedProduct {
  /** PostgreSQL's bigint arrives as text. */
  readonly available: string
  readonly reserved: string
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Locks the products for sale that somebody names by their ids or SKUs, in any case, until the transaction ends, in the
 * order of their ids as everywhere. What is an id is no SKU.
 */
export async function lockByName(tx: Transaction, names: readonly string[]): Promise<NamedStock> {
  const trimmed = [...new Set(names.map(name => name.trim()))]
  const { rows } = await tx.query<Row & Record<string, unknown>>({
    name: 'lock-by-name',
    text: `select id, sku, stock_set_by as "stockSetBy", available, reserved from products
           where (id = any($1::uuid[]) or sku = any($2::text[])) and deleted_at is null order by id for update`,
    values: [trimmed.filter(name => uuid.test(name)), trimmed.map(name => name.toUpperCase())],
  })
  const [byId, bySku] = [new Map(rows.map(row => [row.id, row])), new Map(rows.map(row => [row.sku, row]))]
  return {
    book: new StockBook(
      rows.map(({ id, available, reserved }) => {
        return { id, available: Number(available), reserved: Number(reserved), deleted: false }
      }),
    ),
    find: name => byId.get(name.trim().toLowerCase()) ?? bySku.get(name.trim().toUpperCase()),
  }
}
