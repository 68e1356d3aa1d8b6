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
  locale: z.enum(['pt-BR', 'en']).nullable().default(null),
})

/** Every event of an order shows the whole order, so that a reader needs no other message to understand one. */
const order = {
  orderId: z.uuid(),
  version: z.int().positive(),
  userId: z.uuid().nullable(),
  customer: customer.nullable(),
  items: z.array(orderLine),
  totalCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  createdAt: z.iso.datetime(),
}

const aggregate = { type: 'order', id: 'orderId', version: 'version' } as const
const personal = { subject: 'userId', fields: ['customer'] } as const
// Somebody may have written the reason by hand, and about anybody.
const personalWithReason = { subject: 'userId', fields: ['customer', 'reason'] } as const

const example = {
  orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d',
  userId: '01936f3e-1111-7c1e-9b3a-51d21b2a3c4d',
  customer: { name: 'Ana Souza', email: 'ana@example.com', locale: 'pt-BR' as const },
  items: [{ productId: '01936f3e-2222-7c1e-9b3a-51d21b2a3c4d', name: 'Café 250 g', quantity: 1, unitPriceCents: 2999 }],
  totalCents: 2999,
  currency: 'BRL',
  createdAt: '2026-11-21T12:00:00.000Z',
}

export const orderCreated = defineEvent('order.created', {
  owner: 'orders',
  summary: 'An order was accepted. A quick order (no items) starts `reserved`, one with items starts `pending`.',
  aggregate,
  personal,
  schema: z.object({ ...order, status: z.enum(['pending', 'reserved']) }),
  example: { ...example, version: 1, status: 'pending' as const },
})

export const orderReserved = defineEvent('order.reserved', {
  owner: 'orders',
  summary: 'All items of an order are set aside; it waits for payment.',
  aggregate,
  personal,
  schema: z.object({ ...order, reservedAt: z.iso.datetime() }),
  example: { ...example, version: 2, reservedAt: '2026-11-21T12:00:00.020Z' },
})

export const orderPaid = defineEvent('order.paid', {
  owner: 'orders',
  summary: 'An order was paid in full.',
  aggregate,
  personal,
  schema: z.object({ ...order, paidAt: z.iso.datetime() }),
  example: { ...example, version: 3, paidAt: '2026-11-21T12:05:00.000Z' },
})

export const orderShipped = defineEvent('order.shipped', {
  owner: 'orders',
  summary: 'The items of an order left; what was set aside for it is sold.',
  aggregate,
  personal,
  schema: z.object({ ...order, shippedAt: z.iso.datetime() }),
  example: { ...example, version: 4, shippedAt: '2026-11-22T09:00:00.000Z' },
})

export const orderCompleted = defineEvent('order.completed', {
  owner: 'orders',
  summary: 'An order arrived; nothing more is expected to happen to it.',
  aggregate,
  personal,
  schema: z.object({ ...order, completedAt: z.iso.datetime() }),
  example: { ...example, version: 5, completedAt: '2026-11-24T15:00:00.000Z' },
})

export const orderCancelled = defineEvent('order.cancelled', {
  owner: 'orders',
  summary: 'An unpaid order was given up: by its customer, for lack of stock, by a failed payment or by its deadline.',
  aggregate,
  personal: personalWithReason,
  schema: z.object({ ...order, reason: z.string().nullable(), cancelledAt: z.iso.datetime() }),
  example: { ...example, version: 3, reason: 'changed my mind', cancelledAt: '2026-11-21T12:05:00.000Z' },
})

export const orderRefunded = defineEvent('order.refunded', {
  owner: 'orders',
  summary: 'A paid order was undone and its money is to be given back.',
  aggregate,
  personal: personalWithReason,
  schema: z.object({ ...order, reason: z.string().nullable(), refundedAt: z.iso.datetime() }),
  example: { ...example, version: 4, reason: 'arrived broken', refundedAt: '2026-11-25T10:00:00.000Z' },
})
