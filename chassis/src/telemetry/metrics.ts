import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type pg from 'pg'
import type { Outcome } from '../publishing/publisher.ts'
import type { Query } from '../service.ts'

/** What happened to a message that a consumer received. */
export type Handling = 'handled' | 'duplicate' | 'retried' | 'dead'

/** The metrics of one service: labels are types, queues and routes, never ids. */
export interface Metrics {
  readonly registry: Registry
  published(type: string, outcome: Outcome): void
  /** @param seconds how long the handler took; for a batch, its share. */
  handled(queue: string, handling: Handling, seconds: number): void
  watchPool(pool: pg.Pool): void
  watchOutbox(query: Query): void
}

export function createMetrics(service: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const published = new Counter({
    name: 'messages_published_total',
    help: 'Messages that the relay gave to the broker, by what became of them.',
    labelNames: ['type', 'outcome'],
    registers,
  })
  const handled = new Counter({
    name: 'messages_handled_total',
    help: 'Messages that consumers received, by what became of them.',
    labelNames: ['queue', 'outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'message_handling_duration_seconds',
    help: 'Time to handle a message; in a batch, its share.',
    labelNames: ['queue'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  })
  return {
    registry,
    published: (type, outcome) => published.inc({ type, outcome: outcome instanceof Error ? 'failed' : outcome }),
    handled(queue, handling, seconds) {
      handled.inc({ queue, outcome: handling })
      duration.observe({ queue }, seconds)
    },
    watchPool: pool => watchPool(pool, registry),
    watchOutbox: query => watchOutbox(query, registry),
  }
}

function watchPool(pool: pg.Pool, registry: Registry): void {
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

// Counting stops at a number that is alarming anyway, so that a scrape of a huge backlog stays cheap.
const depthText = `select
    (select count(*) from (select 1 from chassis.outbox where published_at is null and unrouted_at is null limit 100000) p)::int as pending,
    (select count(*) from (select 1 from chassis.outbox where unrouted_at is not null limit 100000) u)::int as unrouted`

const ageText = `select coalesce(extract(epoch from now() - (select created_at from chassis.outbox
    where published_at is null and unrouted_at is null order by id limit 1)), 0)::float8 as age`

function watchOutbox(query: Query, registry: Registry): void {
  const registers = [registry]
  const depth = new Gauge({
    name: 'outbox_messages',
    help: 'Messages in the outbox that have not left: pending, and unrouted (no queue takes them).',
    labelNames: ['state'],
    registers,
    collect: whileReachable(async () => {
      depth.reset()
      const { rows } = await query<{ pending: number; unrouted: number }>({ text: depthText })
      depth.set({ state: 'pending' }, rows[0]?.pending ?? 0)
      depth.set({ state: 'unrouted' }, rows[0]?.unrouted ?? 0)
    }),
  })
  const age = new Gauge({
    name: 'outbox_oldest_seconds',
    help: 'Age of the oldest pending message in the outbox.',
    registers,
    collect: whileReachable(async () => {
      age.remove()
      const { rows } = await query<{ age: number }>({ text: ageText })
      age.set(Math.max(0, rows[0]?.age ?? 0))
    }),
  })
}

// A database that is away must not take the other metrics with it; these are then absent.
function whileReachable(collect: () => Promise<void>): () => Promise<void> {
  return () => collect().catch(() => {})
}
