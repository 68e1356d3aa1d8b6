import type { Payload } from '@feira/contracts'
import type { productCreated } from '@feira/contracts/products'
import { z } from 'zod'
import { fromCents } from './domain/money.ts'
import type { Product } from './domain/product.ts'
import type { products } from './schema.ts'

/** A product as it is stored. */
export type ProductRow = typeof products.$inferSelect

/** A product as HTTP shows it. */
export const productView = z
  .object({
    id: z.uuid(),
    sku: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    category: z.string().nullable(),
    price: z.number().describe('in the main unit of the currency, e.g. 29.99'),
    priceCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    stock: z.int().describe('pieces that can be ordered'),
    reserved: z.int().describe('pieces set aside for orders that have not left'),
    version: z.int().describe('of everything but the stock'),
    stockVersion: z.int().describe('of `stock` and `reserved`'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime().describe('when anything but the stock changed last'),
  })
  .meta({ id: 'Product' })

export function toView(row: ProductRow): z.infer<typeof productView> {
  const { id, sku, name, description, category, priceCents, currency, reserved, version, stockVersion } = row
  return {
    id,
    sku,
    name,
    description,
    category,
    price: fromCents(priceCents),
    priceCents,
    currency,
    stock: row.available,
    reserved,
    version,
    stockVersion,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

/** A product as its messages show it. */
export function toPayload({ id, createdAt, updatedAt, ...product }: Product): Payload<typeof productCreated> {
  const { version, sku, name, priceCents, currency, category } = product
  return {
    productId: id,
    version,
    sku,
    name,
    priceCents,
    currency,
    category,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
