import { z } from 'zod'
import { defineCommand, defineEvent } from '@feira/contracts'

const product = {
  productId: z.uuid(),
  version: z.int().positive(),
  sku: z.string(),
  name: z.string(),
  priceCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  category: z.string().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
}

const aggregate = { type: 'product', id: 'productId', version: 'version' } as const
const productId = '01936f3e-2222-7c1e-9b3a-51d21b2a3c4d'
const orderId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'

const example = {
  productId,
  version: 1,
  sku: 'CAFE-250',
  name: 'Café 250 g',
  priceCents: 2999,
  currency: 'BRL',
  category: 'coffee',
  createdAt: '2026-11-20T08:00:00.000Z',
  updatedAt: '2026-11-20T08:00:00.000Z',
}

export const productCreated = defineEvent('product.created', {
  owner: 'products',
  summary: 'A product can be ordered.',
  aggregate,
  schema: z.object(product),
  example,
})

export const productUpdated = defineEvent('product.updated', {
  owner: 'products',
  summary: 'A product changed: shows all of it as it is now, its stock apart.',
  aggregate,
  schema: z.object(product),
  example: { ...example, version: 2, priceCents: 3199, updatedAt: '2026-11-21T08:00:00.000Z' },
})

export const productDeleted = defineEvent('product.deleted', {
  owner: 'products',
  summary: 'A product can no longer be ordered; what was ordered stays ordered.',
  aggregate,
  schema: z.object({ productId: product.productId, version: product.version, deletedAt: z.iso.datetime() }),
  example: { productId, version: 3, deletedAt: '2026-11-22T08:00:00.000Z' },
})

export const productSnapshot = defineEvent('product.snapshot', {
  owner: 'products',
  summary: 'A product as it is now, for the one who asked by `snapshot.requested`.',
  aggregate,
  schema: z.object({
    ...product,
    stock: z
      .object({ version: z.int().positive(), available: z.int().nonnegative(), reserved: z.int().nonnegative() })
      .nullable()
      .default(null)
      .describe('as `stock.changed` tells it'),
    requestId: z.uuid(),
  }),
  example: {
    ...example,
    stock: { version: 7, available: 8, reserved: 2 },
    requestId: '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d',
  },
})

const reservation = { type: 'reservation', id: 'orderId' } as const
const items = z.array(z.object({ productId: z.uuid(), quantity: z.int().positive() }))

export const stockReserve = defineCommand('stock.reserve', {
  owner: 'products',
  summary: 'Set aside all items of an order, or none. Done once per order, and never after its `stock.release`.',
  aggregate: reservation,
  schema: z.object({ orderId: z.uuid(), items: items.min(1) }),
  example: { orderId, items: [{ productId, quantity: 2 }] },
})

export const stockRelease = defineCommand('stock.release', {
  owner: 'products',
  summary: 'Put back what an order had set aside, or had bought. Done once per order, whether or not it arrives first.',
  aggregate: reservation,
  schema: z.object({ orderId: z.uuid(), reason: z.string().nullish() }),
  example: { orderId, reason: 'order cancelled' },
})

export const stockReserved = defineEvent('stock.reserved', {
  owner: 'products',
  summary: 'All items of an order are set aside.',
  aggregate: reservation,
  schema: z.object({ orderId: z.uuid(), items, reservedAt: z.iso.datetime() }),
  example: { orderId, items: [{ productId, quantity: 2 }], reservedAt: '2026-11-21T12:00:00.010Z' },
})

export const productUnavailable = defineEvent('product.unavailable', {
  owner: 'products',
  summary: 'Nothing was set aside for an order, because of these of its items.',
  aggregate: reservation,
  schema: z.object({
    orderId: z.uuid(),
    items: z.array(z.object({ productId: z.uuid(), quantity: z.int().positive(), available: z.int().nonnegative() })),
  }),
  example: { orderId, items: [{ productId, quantity: 2, available: 1 }] },
})

export const stockChanged = defineEvent('stock.changed', {
  owner: 'products',
  summary: 'How much of a product there is now: available to order, and set aside for orders.',
  aggregate: { type: 'stock', id: 'productId', version: 'version' },
  schema: z.object({
    productId: z.uuid(),
    version: z.int().positive().describe("of the stock, apart from the product's own"),
    available: z.int().nonnegative(),
    reserved: z.int().nonnegative(),
  }),
  example: { productId, version: 7, available: 8, reserved: 2 },
})

const partnerEvent = { type: 'partner-event', id: 'causedBy' } as const
const causedBy = z.uuid().describe("the partner's event")

export const stockAdjusted = defineEvent('stock.adjusted', {
  owner: 'products',
  summary: "The stock of a product was set as a partner's event asked.",
  aggregate: partnerEvent,
  schema: z.object({
    causedBy,
    productId: z.uuid(),
    sku: z.string(),
    available: z.int().nonnegative(),
    adjustedAt: z.iso.datetime(),
  }),
  example: {
    causedBy: '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d',
    productId,
    sku: 'CAFE-250',
    available: 40,
    adjustedAt: '2026-11-21T12:00:00.020Z',
  },
})

export const stockAdjustmentRefused = defineEvent('stock.adjustment-refused', {
  owner: 'products',
  summary: "The stock that a partner's event speaks of was not set, by a rule of the business.",
  aggregate: partnerEvent,
  schema: z.object({
    causedBy,
    code: z.string().describe('stable, e.g. `product-unknown`'),
    detail: z.string().describe('one sentence for people'),
    refusedAt: z.iso.datetime(),
  }),
  example: {
    causedBy: '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d',
    code: 'product-unknown',
    detail: 'There is no product CHA-100.',
    refusedAt: '2026-11-21T12:00:00.020Z',
  },
})

export const partnerStockUpdate = defineCommand('partner.stock-update', {
  owner: 'products',
  summary: 'Set what is available of a product. Answered by `stock.adjusted` or `stock.adjustment-refused`.',
  aggregate: { type: 'partner-event', id: 'eventId' },
  schema: z.object({
    eventId: z.uuid().describe('the answer names it as `causedBy`; obeyed once for each'),
    partnerId: z.uuid(),
    product: z.string().describe('its id or SKU'),
    quantity: z.int().nonnegative(),
  }),
  example: {
    eventId: '01936f3e-5555-7c1e-9b3a-51d21b2a3c4d',
    partnerId: '01936f3e-4444-7c1e-9b3a-51d21b2a3c4d',
    product: 'CAFE-250',
    quantity: 40,
  },
})
