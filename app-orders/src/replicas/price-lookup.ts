import type { Query } from '@feira/chassis'
import type { Price } from '../domain/order-line.ts'

interface Row extends Record<string, unknown> {
  readonly id: string
  readonly name: string
  /** PostgreSQL's bigint arrives as text. */
  readonly price: string
  readonly currency: string
}

/** @returns what is known of these products, by their ids; deleted ones are left out like those never heard of. */
export async function findPrices(query: Query, productIds: readonly string[]): Promise<Map<string, Price>> {
  const { rows } = await query<Row>({
    name: 'find-prices',
    text: `select product_id as id, name, price_cents as price, currency from price_list
           where product_id = any($1::uuid[]) and deleted_at is null`,
    values: [productIds],
  })
  return new Map(rows.map(({ id, name, price, currency }) => [id, { name, priceCents: Number(price), currency }]))
}
