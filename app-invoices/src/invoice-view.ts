import { z } from 'zod'
import type { invoices } from './schema.ts'

/** An invoice as HTTP shows it. */
export const invoiceView = z
  .object({
    id: z.uuid(),
    number: z.string().describe('sequential per year without gaps, e.g. 2026-000042'),
    orderId: z.uuid(),
    userId: z.uuid().nullable(),
    status: z.enum(['issued', 'paid', 'void']),
    amount: z.number().describe('total in the main unit of the currency, e.g. 29.99'),
    totalCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    version: z.int(),
    issuedAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Invoice' })

export function toView(invoice: typeof invoices.$inferSelect): z.infer<typeof invoiceView> {
  return {
    ...invoice,
    amount: invoice.totalCents / 100,
    issuedAt: invoice.issuedAt.toISOString(),
    updatedAt: invoice.updatedAt.toISOString(),
  }
}
