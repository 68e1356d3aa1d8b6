import type { ServiceName } from './service-process.ts'

/** Milliseconds. */
const pausesOf = {
  'email-workers': [1_000, 4_000, 16_000, 60_000, 300_000, 1_800_000],
  'sms-workers': [1_000, 4_000, 16_000, 60_000, 300_000],
}

interface ConsumerQueue {
  readonly name: string
  /** Pauses of its own between attempts, in milliseconds, instead of RETRY_DELAYS. */
  readonly pauses?: readonly number[]
}

const named = (...names: readonly string[]): ConsumerQueue[] => names.map(name => ({ name }))

/** The consumers of each service, by the names that their queues have on the wire. */
const consumers: Readonly<Record<ServiceName, readonly ConsumerQueue[]>> = {
  orders: named(
    'on-stock-reserved',
    'on-product-unavailable',
    'on-payment-completed',
    'on-payment-failed',
    'on-user-changed',
    'on-user-deleted',
    'on-product-changed',
    'on-snapshot',
  ),
  invoices: named('on-order-created', 'on-order-changed', 'on-user-deleted'),
  users: named('on-order', 'on-snapshot-requested', 'on-user-deleted'),
  products: named('on-stock-reserve', 'on-stock-release', 'on-order-shipped', 'on-snapshot-requested'),
  notifications: [
    ...named('on-customer-event', 'on-user-deleted'),
    ...(['email-workers', 'sms-workers'] as const).flatMap(group => [
      { name: group, pauses: pausesOf[group] },
      { name: `${group}-high`, pauses: pausesOf[group] },
    ]),
  ],
}

/** The queues that a service declares, with their dead-letter and retry queues; `delays`, in milliseconds, is RETRY_DELAYS. */
export function queuesOf(service: ServiceName, delays: readonly number[]): string[] {
  return consumers[service].flatMap(({ name, pauses = delays }) => {
    const queue = `${service}.${name}`
    return [queue, `${queue}.dlq`, ...pauses.map(pause => `${queue}.retry.${pause}ms`)]
  })
}
