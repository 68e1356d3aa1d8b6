import type { Received, Transaction } from '@feira/chassis'
import type { productCreated, productDeleted, productSnapshot, productUpdated } from '@feira/contracts/products'

type Product = Received<typeof productCreated | typeof productUpdated | typeof productSnapshot>['data']
type Deletion = Received<typeof productDeleted>['data']

const tombstone = { sku: null, name: '', priceCents: 0, currency: '' }

/**
 * Notes products as messages tell of them, in any order: only what is newer than what is known counts, a deletion leaves a
 * tombstone, also of a product that was never known, and nothing brings a deleted product back.
 */
export async function noteProducts({ query }: Transaction, told: readonly (Product | Deletion)[]): Promise<void> {
  if (told.length === 0) return
  const rows = told.map(each => ('deletedAt' in each ? { ...tombstone, ...each } : { ...each, deletedAt: null }))
  await query({
    name: 'note-products',
    // All in one statement and sorted, so that two replicas do not wait for each other in a circle.
    text: `
      insert into price_list (product_id, version, sku, name, price_cents, currency, deleted_at)
      select distinct on (product_id) *
      from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[])
        as t (product_id, version, sku, name, price_cents, currency, deleted_at)
      order by product_id, deleted_at nulls last, version desc
      on conflict (product_id) do update set version = excluded.version, sku = excluded.sku,
        name = excluded.name, price_cents = excluded.price_cents, currency = excluded.currency, deleted_at = excluded.deleted_at
      where price_list.deleted_at is null
        and (excluded.deleted_at is not null or excluded.version > price_list.version
          or excluded.version = price_list.version and price_list.sku is null)`,
    values: [
      rows.map(({ productId }) => productId),
      rows.map(({ version }) => version),
      rows.map(({ sku }) => sku),
      rows.map(({ name }) => name),
      rows.map(({ priceCents }) => priceCents),
      rows.map(({ currency }) => currency),
      rows.map(({ deletedAt }) => deletedAt),
    ],
  })
}
