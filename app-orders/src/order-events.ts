import type { PublishOptions, Transaction } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
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
import type { Order, OrderStatus } from './domain/order.ts'

/** What `order.created` says of an order that was just placed. */
export function toOrderCreated(order: Order): Payload<typeof orderCreated> {
  return { ...contentsOf(order), status: order.status === 'pending' ? 'pending' : 'reserved' }
}

/** What `order.snapshot` says of an order, apart from who asked. */
export function toOrderSnapshot(order: Order): Omit<Payload<typeof orderSnapshot>, 'requestId'> {
  return { ...contentsOf(order), status: order.status, changedAt: order.updatedAt.toISOString() }
}

/** One version of an order, to be announced. */
export interface Announcement {
  readonly order: Order
  readonly status: OrderStatus
  readonly version: number
  readonly reason: string | null
  /** The partner's event that it answers, if it answers one. */
  readonly causedBy: string | null
  readonly at: Date
}

/** Publishes `order.<status>`. */
export function announce(tx: Transaction, announcement: Announcement, options: PublishOptions): void {
  const { order, status, version, reason, causedBy } = announcement
  const contents = { ...contentsOf(order), version }
  const at = announcement.at.toISOString()
  switch (status) {
    case 'pending':
      return tx.publish(orderCreated, { ...contents, status }, options)
    case 'reserved':
      return tx.publish(orderReserved, { ...contents, reservedAt: at }, options)
    case 'paid':
      return tx.publish(orderPaid, { ...contents, paidAt: at }, options)
    case 'shipped':
      return tx.publish(orderShipped, { ...contents, shippedAt: at }, options)
    case 'completed':
      return tx.publish(orderCompleted, { ...contents, completedAt: at }, options)
    case 'cancelled':
      return tx.publish(orderCancelled, { ...contents, reason, causedBy, cancelledAt: at }, options)
    case 'refunded':
      return tx.publish(orderRefunded, { ...contents, reason, causedBy, refundedAt: at }, options)
  }
}

function contentsOf(order: Order) {
  const { id, version, userId, userName: name, userEmail: email, userLocale: locale } = order
  return {
    orderId: id,
    version,
    userId,
    customer: name === null && email === null ? null : { name, email, locale },
    items: [...order.items],
    totalCents: order.totalCents,
    currency: order.currency,
    createdAt: order.createdAt.toISOString(),
    origin: order.origin,
  }
}
