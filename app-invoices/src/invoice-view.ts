import { z } from 'zod'
import type { invoices } from './schema.ts'

const money = z.number().describe('in the main unit of the currency, e.g. 29.99')

const itemView = z
  .object({
    productId: z.uuid(),
    name: z.string(),
    quantity: z.int(),
    unitPrice: money,
    unitPriceCents: z.int(),
  })
  .meta({ id: 'InvoiceItem' })

/** An invoice as HTTP shows it. */
export const invoiceView = z
  .object({
    id: z.uuid(),
    number: z.string().describe('sequential per year without gaps, e.g. 2026-000042'),
    orderId: z.uuid(),
    userId: z.uuid().nullable(),
    status: z.enum(['issued', 'paid', 'void']),
    amount: money,
    totalCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    items: z.array(itemView).describe('empty for an order of an amount alone'),
    version: z.int(),
    issuedAt: z.iso.datetime(),
    paidAt: z.iso.datetime().nullable(),
    voidedAt: z.iso.datetime().nullable(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Invoice' })

export function toView(invoice: typeof invoices.$inferSelect): z.infer<typeof invoiceView> {
  return {
    ...invoice,
    amount: invoice.totalCents / 100,
    items: invoice.items.map(item => ({ ...item, unitPrice: item.unitPriceCents / 100 })),
    issuedAt: invoice.issuedAt.toISOString(),
    paidAt: invoice.paidAt?.toISOString() ?? null,
    voidedAt: invoice.voidedAt?.toISOString() ?? null,
    updatedAt: invoice.updatedAt.toISOString(),
  }
}
