import { etagOf, newId, sendAnswer, type Route, type Transaction } from '@feira/chassis'
import { productCreated } from '@feira/contracts/products'
import { isNull } from 'drizzle-orm'
import { z } from 'zod'
import { currency } from '../domain/money.ts'
import { newProduct, revisionOf, searchTextOf, type ProductFields } from '../domain/product.ts'
import { StockBook } from '../domain/stock.ts'
import { productFields } from '../product-fields.ts'
import { productView, toPayload, toView, type ProductRow } from '../product-view.ts'
import { skuTaken } from '../product-writing.ts'
import { products } from '../schema.ts'
import { writeStock } from '../stock-writing.ts'

const body = z
  .strictObject({
    ...productFields,
    category: productFields.category.optional(),
    description: productFields.description.optional(),
  })
  .meta({ examples: [{ sku: 'CAFE-250', name: 'Café da Serra 250 g', price: 29.9, stock: 10, category: 'coffee' }] })

/** `POST /products` → `product.created`, `stock.changed`. */
export const createProduct: Route = (app, { transactOnce }) => {
  const schema = { summary: 'Add a product', tags: ['products'], body, response: { 201: productView } }

  app.post('/products', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { price, stock, category = null, description = null, ...fields } = request.body
    const answer = await transactOnce(request, async tx => {
      const product = await insert(tx, { ...fields, category, description, priceCents: price }, stock)
      const headers = { location: `/products/${product.id}`, etag: etagOf(revisionOf(product)) }
      return { status: 201, headers, body: toView(product) }
    })
    return sendAnswer(reply, answer)
  })
}

async function insert(tx: Transaction, fields: ProductFields, stock: number): Promise<ProductRow> {
  const product = newProduct({ ...fields, id: newId(), currency, at: new Date() })
  const [row] = await tx.db
    .insert(products)
    .values({ ...product, searchText: searchTextOf(product), available: 0, reserved: 0, stockVersion: 0 })
    // Of several at once the first wins; the others wait for it here.
    .onConflictDoNothing({ target: products.sku, where: isNull(products.deletedAt) })
    .returning()
  if (!row) throw skuTaken(product.sku)
  tx.publish(productCreated, toPayload(product))
  tx.invalidate('categories')
  const book = new StockBook([{ ...row, deleted: false }])
  book.open(row.id, stock)
  const [level] = await writeStock(tx, book, product.createdAt)
  return { ...row, ...level }
}
