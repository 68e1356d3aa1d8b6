import { consumeBatch, type Received } from '@feira/chassis'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import type { OrderState } from '../domain/order-tally.ts'
import { countOrders } from '../users/order-counters.ts'

const messages = [
  orderCreated,
  orderReserved,
  orderPaid,
  orderShipped,
  orderCompleted,
  orderCancelled,
  orderRefunded,
] as const

/** `order.*` → the counters of its user. */
export const onOrder = consumeBatch('on-order', messages, async (received, tx) => {
  await countOrders(tx, received.map(toState))
})

function toState({ type, data }: Received<(typeof messages)[number]>): OrderState {
  const { orderId, userId, version, totalCents } = data
  // The state is in the name of the event: order.paid.
  return { orderId, userId, version, totalCents, status: 'status' in data ? data.status : type.replace('order.', '') }
}
