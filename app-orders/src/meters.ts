import { Counter, openedBy, sampledGauge, sampler, type Query, type Registry, type Startup } from '@feira/chassis'
import type { Config } from './config.ts'
import { orderStatuses, type OrderStatus } from './domain/order.ts'
import { tallies } from './tallies.ts'

const kinds = ['items', 'amount', 'partner'] as const

/** The metrics of orders that this process counts itself. */
export interface Meters {
  /** Counted once committed. */
  placed(kind: (typeof kinds)[number], orders?: number): void
}

const opened = openedBy<Meters>('openMeters')

/** Registers `orders` and `orders_placed_total`. */
export const openMeters: Startup<Config> = async resources => {
  const { metrics, query } = resources
  watchOrders(query, metrics)
  const placed = countPlaced(metrics)
  opened.set(resources, { placed: (kind, orders) => placed.inc({ kind }, orders) })
}

/** The meters of a running service. */
export const metersOf = opened.of

function countPlaced(registry: Registry): Counter<'kind'> {
  const placed = new Counter({
    name: 'orders_placed_total',
    help: 'Orders that this process has committed: of items, of an amount alone, of a partner.',
    labelNames: ['kind'],
    registers: [registry],
  })
  // Shown as 0 before the first, so that its arrival is an increase.
  for (const kind of kinds) placed.inc({ kind }, 0)
  return placed
}

// The tallies are a few rows for each day, however many orders there are.
const byStatus = {
  name: 'orders-by-status',
  text: `select status, sum(orders)::int as orders from (${tallies}) as t group by status`,
}

function watchOrders(query: Query, registry: Registry): void {
  const sample = sampler(async () => (await query<{ status: OrderStatus; orders: number }>(byStatus)).rows)
  sampledGauge(registry, {
    name: 'orders',
    help: 'Orders in each state of the saga.',
    labelNames: ['status'],
    sample,
    read(rows) {
      const counts = new Map(rows.map(({ status, orders }) => [status, orders]))
      return orderStatuses.map(status => [{ status }, counts.get(status) ?? 0] as const)
    },
  })
}
