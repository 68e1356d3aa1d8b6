import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

const customer = z.object({
  name: z.string().nullable(),
  email: z.string().nullable(),
  locale: z.enum(['pt-BR', 'en']).nullable().default(null),
})

const invoice = {
  invoiceId: z.uuid(),
  version: z.int().positive(),
  number: z.string().regex(/^\d{4}-\d{6,}$/),
  orderId: z.uuid(),
  userId: z.uuid().nullable(),
  customer: customer.nullable().default(null).describe('whom to tell'),
  totalCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  issuedAt: z.iso.datetime(),
}

const aggregate = { type: 'invoice', id: 'invoiceId', version: 'version' } as const
const personal = { subject: 'userId', fields: ['customer'] } as const

const example = {
  invoiceId: '01936f3e-8a60-7d11-8c2b-6fd21b2a3c4d',
  number: '2026-000042',
  orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
  userId: '01936f3e-1111-7c1e-9b3a-51d21b2a3c4d',
  customer: { name: 'Ana Souza', email: 'ana@example.com', locale: 'pt-BR' as const },
  totalCents: 2999,
  currency: 'BRL',
  issuedAt: '2026-11-21T12:00:00.010Z',
}

export const invoiceIssued = defineEvent('invoice.issued', {
  owner: 'invoices',
  summary: 'The one invoice of an order was issued and numbered.',
  aggregate,
  personal,
  schema: z.object(invoice),
  example: { ...example, version: 1 },
})

export const invoicePaid = defineEvent('invoice.paid', {
  owner: 'invoices',
  summary: 'The order of an invoice was paid.',
  aggregate,
  personal,
  schema: z.object({ ...invoice, paidAt: z.iso.datetime() }),
  example: { ...example, version: 2, paidAt: '2026-11-21T12:05:00.020Z' },
})

export const invoiceVoided = defineEvent('invoice.voided', {
  owner: 'invoices',
  summary: 'The order of an invoice was cancelled or refunded: the invoice keeps its number and counts for nothing.',
  aggregate,
  personal,
  schema: z.object({
    ...invoice,
    paidAt: z.iso.datetime().nullable().default(null).describe('if it was paid before'),
    voidedAt: z.iso.datetime(),
  }),
  example: { ...example, version: 2, voidedAt: '2026-11-21T12:05:00.020Z' },
})

export const invoiceSnapshot = defineEvent('invoice.snapshot', {
  owner: 'invoices',
  summary: 'An invoice as it is now, for the one who asked by `snapshot.requested`.',
  aggregate,
  personal,
  schema: z.object({
    ...invoice,
    status: z.enum(['issued', 'paid', 'void']),
    paidAt: z.iso.datetime().nullable(),
    voidedAt: z.iso.datetime().nullable(),
    requestId: z.uuid(),
  }),
  example: {
    ...example,
    version: 1,
    status: 'issued',
    paidAt: null,
    voidedAt: null,
    requestId: '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d',
  },
})
