import type { ServiceName } from './service-process.ts'

/** The consumers of each service, by the names that their queues have on the wire. */
const consumers: Readonly<Record<ServiceName, readonly string[]>> = {
  orders: [],
  invoices: ['on-order-created'],
  users: [],
  products: [],
  notifications: [],
}

/** The queues that a service declares, with their dead-letter and retry queues; delays in milliseconds. */
export function queuesOf(service: ServiceName, delays: readonly number[]): string[] {
  return consumers[service].flatMap(consumer => {
    const name = `${service}.${consumer}`
    return [name, `${name}.dlq`, ...delays.map(delay => `${name}.retry.${delay}ms`)]
  })
}
