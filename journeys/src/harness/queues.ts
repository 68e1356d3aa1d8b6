import type { ServiceName } from './service-process.ts'

/** Milliseconds. */
const pausesOf = {
  'email-workers': [1_000, 4_000, 16_000, 60_000, 300_000, 1_800_000],
  'sms-workers': [1_000, 4_000, 16_000, 60_000, 300_000],
  'partners-event': [1_000, 4_000, 16_000],
  'partners-webhook': [1_000, 4_000, 16_000, 60_000, 300_000, 1_800_000, 7_200_000],
}

interface ConsumerQueue {
  readonly name: string
  /** Message types that come over the exchange; none where messages are sent to the queue by its name. */
  readonly types: readonly string[]
  /** Pauses of its own between attempts, in milliseconds, instead of RETRY_DELAYS. */
  readonly pauses?: readonly number[]
}

const each = (noun: string, ...states: readonly string[]) => states.map(state => `${noun}.${state}`)
const orderEvents = each('order', 'created', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded')

/** The consumers of each service: what they are called on the wire, and what they take. */
const consumers: Readonly<Record<ServiceName, readonly ConsumerQueue[]>> = {
  orders: [
    { name: 'on-stock-reserved', types: ['stock.reserved'] },
    { name: 'on-product-unavailable', types: ['product.unavailable'] },
    { name: 'on-payment-completed', types: ['payment.completed'] },
    { name: 'on-payment-failed', types: ['payment.failed'] },
    { name: 'on-user-changed', types: each('user', 'created', 'updated') },
    { name: 'on-user-deleted', types: ['user.deleted'] },
    { name: 'on-product-changed', types: each('product', 'created', 'updated', 'deleted') },
    { name: 'on-snapshot', types: [] },
    { name: 'on-snapshot-requested', types: ['snapshot.requested'] },
    { name: 'on-partner-sale', types: ['partner.sale'] },
    { name: 'on-partner-sale-of-unknown', types: [] },
    { name: 'on-partner-return', types: ['partner.return'] },
  ],
  invoices: [
    { name: 'on-order-created', types: ['order.created'] },
    { name: 'on-order-changed', types: each('order', 'paid', 'cancelled', 'refunded') },
    { name: 'on-user-deleted', types: ['user.deleted'] },
    { name: 'on-snapshot-requested', types: ['snapshot.requested'] },
  ],
  users: [
    { name: 'on-order', types: orderEvents },
    { name: 'on-snapshot-requested', types: ['snapshot.requested'] },
    { name: 'on-user-deleted', types: ['user.deleted'] },
  ],
  products: [
    { name: 'on-stock-reserve', types: ['stock.reserve'] },
    { name: 'on-stock-release', types: ['stock.release'] },
    { name: 'on-order-shipped', types: ['order.shipped'] },
    { name: 'on-snapshot-requested', types: ['snapshot.requested'] },
    { name: 'on-partner-stock-update', types: ['partner.stock-update'] },
  ],
  notifications: [
    { name: 'on-customer-event', types: [...orderEvents, 'invoice.issued', 'user.created'] },
    { name: 'on-user-deleted', types: ['user.deleted'] },
    { name: 'on-snapshot-requested', types: ['snapshot.requested'] },
    { name: 'email-workers', types: ['notifications.email'], pauses: pausesOf['email-workers'] },
    { name: 'email-workers-high', types: [], pauses: pausesOf['email-workers'] },
    { name: 'sms-workers', types: ['notifications.sms'], pauses: pausesOf['sms-workers'] },
    { name: 'sms-workers-high', types: [], pauses: pausesOf['sms-workers'] },
  ],
  queries: [
    { name: 'on-order-event', types: orderEvents },
    { name: 'on-invoice-event', types: each('invoice', 'issued', 'paid', 'voided') },
    { name: 'on-notification-event', types: each('notification', 'sent', 'failed') },
    { name: 'on-user-event', types: each('user', 'created', 'updated', 'deleted') },
    { name: 'on-user-deleted', types: ['user.deleted'] },
    { name: 'on-product-event', types: each('product', 'created', 'updated', 'deleted') },
    { name: 'on-stock-changed', types: ['stock.changed'] },
    { name: 'on-snapshot', types: [] },
  ],
  partners: [
    { name: 'on-partners-event', types: ['partners.event'], pauses: pausesOf['partners-event'] },
    { name: 'on-order-answer', types: [...orderEvents, 'order.refused'] },
    { name: 'on-stock-answer', types: each('stock', 'adjusted', 'adjustment-refused') },
    { name: 'on-partners-webhook', types: ['partners.webhook'], pauses: pausesOf['partners-webhook'] },
    { name: 'on-user-deleted', types: ['user.deleted'] },
  ],
}

/** The queue of every consumer of these services, with the message types that the exchange routes to it. */
export function consumerQueues(services: readonly ServiceName[]): { name: string; types: readonly string[] }[] {
  return services.flatMap(service =>
    consumers[service].map(({ name, types }) => ({ name: `${service}.${name}`, types })),
  )
}

/** The queues that a service declares, with their dead-letter and retry queues; `delays`, in milliseconds, is RETRY_DELAYS. */
export function queuesOf(service: ServiceName, delays: readonly number[]): string[] {
  return consumers[service].flatMap(({ name, pauses = delays }) => {
    const queue = `${service}.${name}`
    return [queue, `${queue}.dlq`, ...pauses.map(pause => `${queue}.retry.${pause}ms`)]
  })
}
