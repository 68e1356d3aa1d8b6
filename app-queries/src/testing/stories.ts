import { newId } from '@feira/chassis'
import type { Message, Payload } from '@feira/contracts'
import { invoiceIssued, invoicePaid } from '@feira/contracts/invoices'
import { notificationSent } from '@feira/contracts/notifications'
import { orderCompleted, orderCreated, orderPaid, orderReserved, orderShipped } from '@feira/contracts/orders'
import { productCreated, stockChanged } from '@feira/contracts/products'
import { userCreated } from '@feira/contracts/users'

/** A message as its owner would publish it. */
export interface Told {
  readonly message: Message
  readonly data: object
  readonly id: string
}

export function tell<M extends Message>(message: M, data: Payload<M>): Told {
  return { message, data: data as object, id: newId() }
}

/** What is told of an order from its customer's registration to its arrival, and the ids in it. */
export interface Story {
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly invoiceId: string
  readonly notificationId: string
  readonly items: typeof orderCreated.example.items
  /** In the order in which it happened. */
  readonly messages: readonly Told[]
}

/** The story of a new order of a new user for a new product, or of those given; each state a minute after the other. */
export function orderStory(given: Partial<Omit<Story, 'messages' | 'items'>> = {}): Story {
  const ids = {
    orderId: newId(),
    userId: newId(),
    productId: newId(),
    invoiceId: newId(),
    notificationId: newId(),
    ...given,
  }
  const items = orderCreated.example.items.map(item => ({ ...item, productId: ids.productId }))
  const told = { ...ids, items }
  return { ...told, messages: [...aboutOthers(told), ...aboutOrder(told), ...whatFollows(told)] }
}

type Ids = Omit<Story, 'messages'>

/** A moment of every story. */
export const minute = (minutes: number) => new Date(Date.UTC(2026, 10, 21, 12, minutes)).toISOString()

function aboutOthers({ userId, productId }: Ids): Told[] {
  return [
    tell(userCreated, { ...userCreated.example, userId }),
    tell(productCreated, { ...productCreated.example, productId }),
    tell(stockChanged, { productId, version: 1, available: 9, reserved: 1 }),
  ]
}

function aboutOrder({ orderId, userId, items }: Ids): Told[] {
  const order = { ...orderCreated.example, orderId, userId, items, createdAt: minute(0) }
  return [
    tell(orderCreated, order),
    tell(orderReserved, { ...order, version: 2, reservedAt: minute(1) }),
    tell(orderPaid, { ...order, version: 3, paidAt: minute(2) }),
    tell(orderShipped, { ...order, version: 4, shippedAt: minute(3) }),
    tell(orderCompleted, { ...order, version: 5, completedAt: minute(4) }),
  ]
}

function whatFollows({ orderId, userId, invoiceId, notificationId }: Ids): Told[] {
  const invoice = { ...invoiceIssued.example, invoiceId, orderId, userId }
  return [
    tell(invoiceIssued, { ...invoice, issuedAt: minute(0) }),
    tell(invoicePaid, { ...invoice, issuedAt: minute(0), version: 2, paidAt: minute(2) }),
    tell(notificationSent, { ...notificationSent.example, notificationId, orderId, userId, sentAt: minute(1) }),
  ]
}
