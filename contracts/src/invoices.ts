import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

export const invoiceIssued = defineEvent('invoice.issued', {
  owner: 'invoices',
  summary: 'The one invoice of an order was issued and numbered.',
  aggregate: { type: 'invoice', id: 'invoiceId', version: 'version' },
  schema: z.object({
    invoiceId: z.uuid(),
    version: z.int().positive(),
    number: z.string().regex(/^\d{4}-\d{6,}$/),
    orderId: z.uuid(),
    userId: z.uuid().nullable(),
    totalCents: z.int().positive(),
    currency: z.string().regex(/^[A-Z]{3}$/),
    issuedAt: z.iso.datetime(),
  }),
  example: {
    invoiceId: '01936f3e-8a60-7d11-8c2b-6fd21b2a3c4d',
    version: 1,
    number: '2026-000042',
    orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
    userId: null,
    totalCents: 2999,
    currency: 'BRL',
    issuedAt: '2026-11-21T12:00:00.010Z',
  },
})
