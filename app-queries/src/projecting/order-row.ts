import type { Received } from '@feira/chassis'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
  type orderSnapshot,
} from '@feira/contracts/orders'
import { orders } from '../schema.ts'
import { keepNewest } from './keep-newest.ts'

export const keepOrders = keepNewest(orders)

/** All that can happen to an order; each shows the whole of it. */
export const orderEvents = [
  orderCreated,
  orderReserved,
  orderPaid,
  orderShipped,
  orderCompleted,
  orderCancelled,
  orderRefunded,
] as const

type Shown = Received<(typeof orderEvents)[number] | typeof orderSnapshot>
type OrderRow = typeof orders.$inferSelect

/** The order as a message shows it. */
export function toOrderRow(message: Shown): OrderRow {
  const { orderId, version, userId, customer, items, totalCents, currency, createdAt } = message.data
  return {
    id: orderId,
    version,
    userId,
    customerName: customer?.name ?? null,
    customerEmail: customer?.email ?? null,
    items,
    totalCents,
    currency,
    createdAt: new Date(createdAt),
    ...stateIn(message),
  }
}

function stateIn({ type, data }: Shown): Pick<OrderRow, 'status' | 'changedAt'> {
  switch (type) {
    case 'order.created':
      return { status: data.status, changedAt: new Date(data.createdAt) }
    case 'order.reserved':
      return { status: 'reserved', changedAt: new Date(data.reservedAt) }
    case 'order.paid':
      return { status: 'paid', changedAt: new Date(data.paidAt) }
    case 'order.shipped':
      return { status: 'shipped', changedAt: new Date(data.shippedAt) }
    case 'order.completed':
      return { status: 'completed', changedAt: new Date(data.completedAt) }
    case 'order.cancelled':
      return { status: 'cancelled', changedAt: new Date(data.cancelledAt) }
    case 'order.refunded':
      return { status: 'refunded', changedAt: new Date(data.refundedAt) }
    case 'order.snapshot':
      return { status: data.status, changedAt: new Date(data.changedAt) }
  }
}
