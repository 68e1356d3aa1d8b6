import { z } from 'zod'
import { defineCommand, defineEvent } from '@feira/contracts'

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
  origin: z
    .object({ partnerId: z.uuid(), eventId: z.uuid() })
    .nullable()
    .default(null)
    .describe("the partner's event that placed the order, if one did"),
}

const causedBy = z.uuid().nullable().default(null).describe("the partner's event that this answers, if it answers one")

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
  schema: z.object({ ...order, reason: z.string().nullable(), causedBy, cancelledAt: z.iso.datetime() }),
  example: { ...example, version: 3, reason: 'changed my mind', cancelledAt: '2026-11-21T12:05:00.000Z' },
})

export const orderRefunded = defineEvent('order.refunded', {
  owner: 'orders',
  summary: 'A paid order was undone and its money is to be given back.',
  aggregate,
  personal: personalWithReason,
  schema: z.object({ ...order, reason: z.string().nullable(), causedBy, refundedAt: z.iso.datetime() }),
  example: { ...example, version: 4, reason: 'arrived broken', refundedAt: '2026-11-25T10:00:00.000Z' },
})

export const orderSnapshot = defineEvent('order.snapshot', {
  owner: 'orders',
  summary: 'An order as it is now, for the one who asked by `snapshot.requested`.',
  aggregate,
  personal,
  schema: z.object({
    ...order,
    status: z.enum(['pending', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded']),
    changedAt: z.iso.datetime().describe('when it got this version'),
    requestId: z.uuid(),
  }),
  example: {
    ...example,
    version: 2,
    status: 'reserved',
    changedAt: '2026-11-21T12:00:00.020Z',
    requestId: '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d',
  },
})

export const orderRefused = defineEvent('order.refused', {
  owner: 'orders',
  summary: "A partner's sale or return was refused by a rule of the business; nothing changed.",
  aggregate: { type: 'partner-event', id: 'causedBy' },
  schema: z.object({
    causedBy: z.uuid().describe("the partner's event"),
    orderId: z.uuid().nullable().default(null).describe('the order that was to be returned'),
    code: z.string().describe('stable, e.g. `price-changed`, `product-unknown`, `invalid-transition`'),
    detail: z.string().describe('one sentence for people'),
    refusedAt: z.iso.datetime(),
  }),
  example: {
    causedBy: '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d',
    code: 'price-changed',
    detail: 'Café 250 g costs 31.99, not 29.99.',
    refusedAt: '2026-11-21T12:00:00.020Z',
  },
})

const partnerEvent = {
  eventId: z.uuid().describe('the answer names it as `causedBy`, or as `origin`; obeyed once for each'),
  partnerId: z.uuid(),
}
const eventId = '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d'
const partnerId = '01936f3e-4444-7c1e-9b3a-51d21b2a3c4d'

export const partnerSale = defineCommand('partner.sale', {
  owner: 'orders',
  summary: 'Place an order of a partner. Answered by `order.reserved`, `order.cancelled` or `order.refused`.',
  aggregate: { type: 'partner-event', id: 'eventId' },
  personal: { subject: 'partnerId', fields: ['partnerName'] },
  schema: z.object({
    ...partnerEvent,
    partnerName: z.string().nullable(),
    product: z.string().describe('its id or SKU'),
    quantity: z.int().positive(),
    totalCents: z.int().nonnegative().describe('what the partner expects it to cost; another price refuses the sale'),
  }),
  example: { eventId, partnerId, partnerName: 'Loja Azul', product: 'CAFE-250', quantity: 2, totalCents: 5998 },
})

export const partnerReturn = defineCommand('partner.return', {
  owner: 'orders',
  summary: "Cancel or refund a partner's order. Answered by `order.cancelled`, `order.refunded` or `order.refused`.",
  aggregate: { type: 'partner-event', id: 'eventId' },
  personal: { subject: 'partnerId', fields: ['reason'] },
  schema: z.object({ ...partnerEvent, orderId: z.uuid(), reason: z.string().nullable() }),
  example: { eventId, partnerId, orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d', reason: 'arrived broken' },
})
