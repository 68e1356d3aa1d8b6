import type { Received } from '@feira/chassis'
import type {
  productCreated,
  productDeleted,
  productSnapshot,
  productUpdated,
  stockChanged,
} from '@feira/contracts/products'
import { products, stocks } from '../schema.ts'
import { keepNewest } from './keep-newest.ts'

export const keepProducts = keepNewest(products)
export const keepStocks = keepNewest(stocks)

type Product = Received<typeof productCreated | typeof productUpdated | typeof productSnapshot>['data']
type Deletion = Received<typeof productDeleted>['data']

const unknown = {
  sku: null,
  name: null,
  priceCents: null,
  currency: null,
  category: null,
  createdAt: null,
  updatedAt: null,
}

/** The product as a message shows it, or the tombstone that a deletion leaves. */
export function toProductRow(data: Product | Deletion): typeof products.$inferSelect {
  const { productId: id, version } = data
  if ('deletedAt' in data) return { ...unknown, id, version, deletedAt: new Date(data.deletedAt) }
  const { sku, name, priceCents, currency, category } = data
  const times = { createdAt: new Date(data.createdAt), updatedAt: new Date(data.updatedAt), deletedAt: null }
  return { id, version, sku, name, priceCents, currency, category, ...times }
}

/** How much there is of a product, as a message shows it. */
export function toStockRow(data: Received<typeof stockChanged>['data']): typeof stocks.$inferSelect {
  const { productId, version, available, reserved } = data
  return { productId, version, available, reserved }
}
