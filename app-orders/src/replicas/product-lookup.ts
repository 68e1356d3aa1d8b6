import type { Query } from '@feira/chassis'
import type { CatalogueProduct } from '../domain/sale.ts'

/** Products by what somebody calls them. */
export interface NamedProducts {
  /** @returns undefined for what is no product, or no longer. */
  find(name: string): CatalogueProduct | undefined
}

interface Row extends Record<string, unknown> {
  readonly productId: string
  readonly sku: string | null
  readonly name: string
  /** PostgreSQL's bigint arrives as text. */
  readonly price: string
  readonly currency: string
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The ids and SKUs that names may be; a SKU may look like an id. */
export function readNames(names: readonly string[]): { readonly ids: string[]; readonly skus: string[] } {
  const trimmed = [...new Set(names.map(name => name.trim()))]
  const ids = trimmed.filter(name => uuid.test(name)).map(name => name.toLowerCase())
  return { ids, skus: trimmed.map(name => name.toUpperCase()) }
}

/** Looks products up by their ids or SKUs, whatever the case; what is an id is no SKU. */
export async function findProducts(query: Query, names: readonly string[]): Promise<NamedProducts> {
  const { ids, skus } = readNames(names)
  const { rows } = await query<Row>({
    name: 'find-products',
    // A SKU is free again once its product is deleted, and its next owner may be heard of first: the youngest has it.
    text: `select product_id as "productId", sku, name, price_cents as price, currency from price_list
           where (product_id = any($1::uuid[]) or sku = any($2::text[])) and deleted_at is null order by product_id`,
    values: [ids, skus],
  })
  const products = rows.map(({ price, ...row }) => ({ ...row, priceCents: Number(price) }))
  const byId = new Map(products.map(product => [product.productId, product]))
  const bySku = new Map(products.map(product => [product.sku, product]))
  return {
    find(name) {
      const known = name.trim()
      return byId.get(known.toLowerCase()) ?? bySku.get(known.toUpperCase())
    },
  }
}
