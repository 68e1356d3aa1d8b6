import { z } from 'zod'
import type { products, stocks } from '../schema.ts'
import { money } from './order-view.ts'

/** A product as HTTP shows it. */
export const productView = z
  .object({
    id: z.uuid(),
    sku: z.string().nullable(),
    name: z.string().nullable(),
    category: z.string().nullable(),
    price: money.nullable(),
    priceCents: z.int().nullable().describe('the same, exact'),
    currency: z.string().nullable().describe('ISO 4217'),
    stock: z.int().nullable().describe('pieces that can be ordered; null until it is known here'),
    reserved: z.int().nullable().describe('pieces set aside for orders that have not left'),
    version: z.int().describe('of everything but the stock'),
    stockVersion: z.int().nullable().describe('of `stock` and `reserved`'),
    createdAt: z.iso.datetime().nullable(),
    updatedAt: z.iso.datetime().nullable().describe('when anything but the stock changed last'),
  })
  .meta({ id: 'Product' })

interface Row {
  readonly product: typeof products.$inferSelect
  readonly stock: typeof stocks.$inferSelect | null
}

export function toProductView({ product, stock }: Row): z.infer<typeof productView> {
  const { id, sku, name, category, priceCents, currency, version, createdAt, updatedAt } = product
  return {
    id,
    sku,
    name,
    category,
    price: priceCents === null ? null : priceCents / 100,
    priceCents,
    currency,
    stock: stock?.available ?? null,
    reserved: stock?.reserved ?? null,
    version,
    stockVersion: stock?.version ?? null,
    createdAt: createdAt?.toISOString() ?? null,
    updatedAt: updatedAt?.toISOString() ?? null,
  }
}
