import { consumeBatch, type Received } from '@feira/chassis'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderRefused,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import { done, receiveAnswers, refused, type Answer } from '../advancing/receive-answers.ts'
import type { Config } from '../config.ts'

const types = [
  orderCreated,
  orderReserved,
  orderPaid,
  orderShipped,
  orderCompleted,
  orderCancelled,
  orderRefunded,
  orderRefused,
]
type Message = Received<(typeof types)[number]>
type OfOrder = Exclude<Message, { type: 'order.refused' }>

/** What app-orders answers to sales and returns, in any order: an order's `origin` is its sale, `causedBy` a return. */
export const onOrderAnswer = consumeBatch<(typeof types)[number], Config>(
  'on-order-answer',
  types,
  async (messages, tx, resources) => receiveAnswers(tx, messages, answersIn, resources),
)

function answersIn(message: Message): Answer[] {
  if (message.type !== 'order.refused') return [...toSale(message), ...toReturn(message)]
  const { causedBy, orderId, code, detail } = message.data
  return [{ eventId: causedBy, signal: refused(code, detail, orderId) }]
}

function toSale(message: OfOrder): Answer[] {
  const { origin, orderId } = message.data
  if (origin === null) return []
  const { eventId } = origin
  if (message.type === 'order.created') return [{ eventId, signal: { type: 'order-known', orderId } }]
  if (!gaveUpPending(message)) return [{ eventId, signal: done('reserved', 'The order was placed.', orderId) }]
  const detail = message.data.reason ?? 'The order was cancelled before its items were set aside.'
  return [{ eventId, signal: refused('order-cancelled', detail, orderId) }]
}

// An order begins with version 1, and nothing but its reservation comes before any other version than the second: then
// the sale was done, whichever of the two messages arrives first.
function gaveUpPending(message: OfOrder): message is Extract<OfOrder, { type: 'order.cancelled' }> {
  return message.type === 'order.cancelled' && message.data.version === 2
}

function toReturn(message: OfOrder): Answer[] {
  if (message.type !== 'order.cancelled' && message.type !== 'order.refunded') return []
  const { causedBy, orderId } = message.data
  if (causedBy === null) return []
  const code = message.type === 'order.cancelled' ? 'cancelled' : 'refunded'
  return [{ eventId: causedBy, signal: done(code, `The order was ${code}.`, orderId) }]
}
