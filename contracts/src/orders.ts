import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

const orderLine = z.object({
  productId: z.uuid(),
  name: z.string(),
  quantity: z.int().positive(),
  unitPriceCents: z.int().nonnegative(),
})

/** Whom an order belongs to, as far as a reader needs to know: enough to print an invoice or write an e-mail. */
const customer = z.object({
  name: z.string().nullable(),
  email: z.string().nullable(),
})

export const orderCreated = defineEvent('order.created', {
  owner: 'orders',
  summary: 'An order was accepted. A quick order (no items) starts `reserved`, one with items starts `pending`.',
  aggregate: { type: 'order', id: 'orderId', version: 'version' },
  schema: z.object({
    orderId: z.uuid(),
    version: z.int().positive(),
    status: z.enum(['pending', 'reserved']),
    userId: z.uuid().nullable(),
    customer: customer.nullable(),
    items: z.array(orderLine),
    totalCents: z.int().positive(),
    currency: z.string().regex(/^[A-Z]{3}$/),
    createdAt: z.iso.datetime(),
  }),
  example: {
    orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
    version: 1,
    status: 'reserved',
    userId: null,
    customer: { name: null, email: 'ana@example.com' },
    items: [],
    totalCents: 2999,
    currency: 'BRL',
    createdAt: '2026-11-21T12:00:00.000Z',
  },
})
