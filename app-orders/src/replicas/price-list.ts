import type { Received, Transaction } from '@feira/chassis'
import type { productCreated, productDeleted, productSnapshot, productUpdated } from '@feira/contracts/products'

type Product = Received<typeof productCreated | typeof productUpdated | typeof productSnapshot>['data']

/**
 * Notes products as messages show them, in any order: only what is newer than what is known counts, and nothing brings a
 * deleted product back.
 */
export async function noteProducts({ query }: Transaction, products: readonly Product[]): Promise<void> {
  if (products.length === 0) return
  await query({
    name: 'note-products',
    // Sorted, so that two replicas do not wait for each other in a circle.
    text: `
      insert into price_list (product_id, version, name, price_cents, currency)
      select distinct on (product_id) * from unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::text[])
        as t (product_id, version, name, price_cents, currency) order by product_id, version desc
      on conflict (product_id) do update set version = excluded.version, name = excluded.name,
        price_cents = excluded.price_cents, currency = excluded.currency
      where price_list.deleted_at is null and excluded.version > price_list.version`,
    values: [
      products.map(({ productId }) => productId),
      products.map(({ version }) => version),
      products.map(({ name }) => name),
      products.map(({ priceCents }) => priceCents),
      products.map(({ currency }) => currency),
    ],
  })
}

/** Leaves tombstones of products, also of those that were never known. */
export async function noteDeletedProducts(
  { query }: Transaction,
  deleted: readonly Received<typeof productDeleted>['data'][],
): Promise<void> {
  if (deleted.length === 0) return
  await query({
    name: 'note-deleted-products',
    text: `
      insert into price_list (product_id, version, name, price_cents, currency, deleted_at)
      select distinct on (product_id) product_id, version, '', 0, '', deleted_at
      from unnest($1::uuid[], $2::int[], $3::timestamptz[]) as t (product_id, version, deleted_at)
      order by product_id, version desc
      on conflict (product_id) do update set version = greatest(price_list.version, excluded.version),
        deleted_at = coalesce(price_list.deleted_at, excluded.deleted_at)`,
    values: [
      deleted.map(({ productId }) => productId),
      deleted.map(({ version }) => version),
      deleted.map(({ deletedAt }) => deletedAt),
    ],
  })
}
