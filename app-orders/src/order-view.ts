import { z } from 'zod'
import type { Config } from './config.ts'
import { fromCents } from './domain/money.ts'
import { orderStatuses, payBy, type Order, type OrderItem } from './domain/order.ts'

const itemView = z
  .object({
    productId: z.uuid(),
    name: z.string(),
    quantity: z.int(),
    unitPrice: z.number().describe('when it was ordered, in the main unit of the currency, e.g. 29.99'),
    unitPriceCents: z.int().describe('the same, exact'),
    lineTotal: z.number(),
    lineTotalCents: z.int(),
  })
  .meta({ id: 'OrderItem' })

const addressView = z
  .object({ street: z.string(), city: z.string(), state: z.string(), zipCode: z.string() })
  .meta({ id: 'ShippingAddress' })

/** An order as HTTP shows it. */
export const orderView = z
  .object({
    id: z.uuid(),
    userId: z.uuid().nullable(),
    status: z.enum(orderStatuses),
    items: z.array(itemView).describe('empty for a quick order'),
    amount: z.number().describe('total in the main unit of the currency, e.g. 29.99'),
    totalCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    shippingAddress: addressView.nullable(),
    paymentReference: z.string().nullable().describe('what the payment provider calls the payment'),
    payBy: z.iso.datetime().nullable().describe('unpaid by then it is cancelled; null once that is settled'),
    origin: z
      .object({ partnerId: z.uuid(), eventId: z.uuid() })
      .nullable()
      .describe("the partner's event that placed it, if one did"),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Order' })

export type OrderView = z.infer<typeof orderView>

export function toView(order: Order, { ORDER_PAYMENT_DEADLINE }: Config): OrderView {
  const { id, userId, status, totalCents, currency, shippingAddress, payment, origin, version } = order
  const unpaid = status === 'pending' || status === 'reserved'
  return {
    id,
    userId,
    status,
    items: order.items.map(toItemView),
    amount: fromCents(totalCents),
    totalCents,
    currency,
    shippingAddress,
    // A payment that waits for the reservation shows with the version that it leads to.
    paymentReference: unpaid ? null : (payment?.reference ?? null),
    payBy: unpaid ? payBy(order, ORDER_PAYMENT_DEADLINE).toISOString() : null,
    origin,
    version,
    createdAt: order.createdAt.toISOString(),
    updatedAt: order.updatedAt.toISOString(),
  }
}

function toItemView({ productId, name, quantity, unitPriceCents }: OrderItem): OrderView['items'][number] {
  const lineTotalCents = quantity * unitPriceCents
  return {
    productId,
    name,
    quantity,
    unitPrice: fromCents(unitPriceCents),
    unitPriceCents,
    lineTotal: fromCents(lineTotalCents),
    lineTotalCents,
  }
}
