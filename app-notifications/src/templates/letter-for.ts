import type { Received } from '@feira/chassis'
import type { invoiceIssued } from '@feira/contracts/invoices'
import type {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import type { userCreated } from '@feira/contracts/users'
import { headerText } from '../domain/header-text.ts'
import { isEmailAddress } from '../domain/recipient.ts'
import { salutation } from '../domain/salutation.ts'
import { dateAndTime, money, wholeNumber, type Locale } from './format.ts'
import type { InvoiceFacts, OrderFacts, TemplateName } from './letter.ts'
import { render, type Rendered } from './render.ts'

type OrderEvent = Received<
  | typeof orderCreated
  | typeof orderReserved
  | typeof orderPaid
  | typeof orderShipped
  | typeof orderCompleted
  | typeof orderCancelled
  | typeof orderRefunded
>
/** The events that a customer is told of. */
export type CustomerEvent = OrderEvent | Received<typeof invoiceIssued> | Received<typeof userCreated>

/** A letter about an event, and to whom. */
export interface AddressedLetter extends Rendered {
  readonly template: TemplateName
  readonly to: string
  readonly userId: string | null
  readonly orderId: string | null
  readonly aggregateId: string
  readonly aggregateVersion: number
}

/** The letter that tells a customer of an event, or nothing when nobody knows an address to write to. */
export function letterFor(event: CustomerEvent, timeZone: string): AddressedLetter | undefined {
  const customer = event.type === 'user.created' ? event.data : event.data.customer
  const to = customer?.email
  if (!to || !isEmailAddress(to)) return undefined
  const locale = customer.locale ?? 'pt-BR'
  const name = salutation(customer.name)
  const { version: aggregateVersion, userId } = event.data
  const common = { to, userId, aggregateVersion }
  if (event.type === 'user.created') {
    const template = 'user-created'
    const rendered = render(template, { name, email: to }, locale)
    return { ...common, ...rendered, template, orderId: null, aggregateId: event.data.userId }
  }
  const { orderId } = event.data
  if (event.type === 'invoice.issued') {
    const template = 'invoice-issued'
    const rendered = render(template, invoiceFacts(event.data, { name, locale, timeZone }), locale)
    return { ...common, ...rendered, template, orderId, aggregateId: event.data.invoiceId }
  }
  const template = orderTemplates[event.type]
  const rendered = render(template, orderFacts(event, { name, locale, timeZone }), locale)
  return { ...common, ...rendered, template, orderId, aggregateId: orderId }
}

const orderTemplates = {
  'order.created': 'order-created',
  'order.reserved': 'order-reserved',
  'order.paid': 'order-paid',
  'order.shipped': 'order-shipped',
  'order.completed': 'order-completed',
  'order.cancelled': 'order-cancelled',
  'order.refunded': 'order-refunded',
} as const satisfies Record<OrderEvent['type'], TemplateName>

interface Reader {
  readonly name: string | null
  readonly locale: Locale
  readonly timeZone: string
}

function orderFacts(event: OrderEvent, { name, locale, timeZone }: Reader): OrderFacts {
  const { orderId, items, totalCents, currency } = event.data
  return {
    name,
    orderId,
    order: orderId.slice(-6).toUpperCase(),
    items: items.map(item => ({
      name: headerText(item.name),
      quantity: wholeNumber(item.quantity, locale),
      price: money(item.unitPriceCents, currency, locale),
    })),
    total: money(totalCents, currency, locale),
    date: dateAndTime(momentOf(event), locale, timeZone),
    reason: 'reason' in event.data && event.data.reason ? headerText(event.data.reason) : null,
  }
}

function momentOf(event: OrderEvent): string {
  switch (event.type) {
    case 'order.created':
      return event.data.createdAt
    case 'order.reserved':
      return event.data.reservedAt
    case 'order.paid':
      return event.data.paidAt
    case 'order.shipped':
      return event.data.shippedAt
    case 'order.completed':
      return event.data.completedAt
    case 'order.cancelled':
      return event.data.cancelledAt
    case 'order.refunded':
      return event.data.refundedAt
  }
}

function invoiceFacts(invoice: Received<typeof invoiceIssued>['data'], reader: Reader): InvoiceFacts {
  const { orderId, number, totalCents, currency, issuedAt } = invoice
  const { name, locale, timeZone } = reader
  return {
    name,
    orderId,
    number,
    total: money(totalCents, currency, locale),
    date: dateAndTime(issuedAt, locale, timeZone),
  }
}
