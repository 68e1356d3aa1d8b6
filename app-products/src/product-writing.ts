import { isUniqueViolation, Rejection, rejections, requireMatch, type Transaction } from '@feira/chassis'
import { productUpdated } from '@feira/contracts/products'
import { and, eq, isNull } from 'drizzle-orm'
import { amend, revisionOf, searchTextOf, type ProductChange } from './domain/product.ts'
import { StockBook } from './domain/stock.ts'
import { toPayload, type ProductRow } from './product-view.ts'
import { products } from './schema.ts'
import { writeStock } from './stock-writing.ts'

/** Two products for sale cannot share a SKU. */
export function skuTaken(sku: string): Rejection {
  const message = 'belongs to another product'
  return new Rejection('sku-taken', 409, `The SKU ${sku} belongs to another product.`, {
    fields: [{ in: 'body', field: 'sku', message }],
  })
}

type Conditional = Parameters<typeof requireMatch>[0]

/**
 * Locks a product for sale until the transaction ends.
 * @throws Rejection 404 when there is none, 412 when `If-Match` names another state of it.
 */
export async function lockProduct(tx: Transaction, request: Conditional, id: string): Promise<ProductRow> {
  const isForSale = and(eq(products.id, id), isNull(products.deletedAt))
  const [row] = await tx.db.select().from(products).where(isForSale).for('update')
  if (!row) throw rejections.notFound('product', id)
  requireMatch(request, revisionOf(row))
  return row
}

export interface ProductUpdate {
  readonly fields: ProductChange
  /** How many can be ordered from now on. */
  readonly stock: number | undefined
}

/** Changes what differs, and publishes it. @returns the product as it is then. */
export async function updateProduct(
  tx: Transaction,
  request: Conditional,
  id: string,
  { fields, stock }: ProductUpdate,
): Promise<ProductRow> {
  const row = await lockProduct(tx, request, id)
  const at = new Date()
  const amended = amend(row, fields, at)
  if (amended !== row) await storeAmended(tx, amended)
  const book = new StockBook([{ ...row, deleted: false }])
  if (stock !== undefined) book.set(id, stock)
  const [level] = await writeStock(tx, book, at)
  return { ...amended, ...level }
}

async function storeAmended(tx: Transaction, product: ProductRow): Promise<void> {
  const { id, sku, name, description, category, priceCents, version, updatedAt } = product
  const searchText = searchTextOf(product)
  try {
    await tx.db
      .update(products)
      .set({ sku, name, description, category, priceCents, searchText, version, updatedAt })
      .where(eq(products.id, id))
  } catch (error) {
    throw isUniqueViolation(error) ? skuTaken(sku) : error
  }
  tx.publish(productUpdated, toPayload(product))
  tx.invalidate('products', 'categories', `product:${id}`)
}
