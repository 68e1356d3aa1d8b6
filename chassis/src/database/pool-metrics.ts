import type pg from 'pg'
import { Gauge, type Registry } from 'prom-client'

/** Registers `database_pool_connections`. */
export function watchPool(pool: pg.Pool, registry: Registry): void {
  const gauge = new Gauge({
    name: 'database_pool_connections',
    help: 'Connections of the pool: all of them, those idle, and requests that wait for one.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      gauge.set({ state: 'total' }, pool.totalCount)
      gauge.set({ state: 'idle' }, pool.idleCount)
      gauge.set({ state: 'waiting' }, pool.waitingCount)
    },
  })
}
