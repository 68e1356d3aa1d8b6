import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Outcome } from '../publishing/publisher.ts'

/** What happened to a message that a consumer received. */
export type Handling = 'handled' | 'duplicate' | 'retried' | 'dead'

/** The metrics of one service: labels are types, queues and routes, never ids. */
export interface Metrics {
  readonly registry: Registry
  published(type: string, outcome: Outcome): void
  /**
   * @param queue without namespace.
   * @param seconds how long the handler took; for a batch, its share.
   */
  handled(queue: string, handling: Handling, seconds: number): void
}

/** A registry with what tells of the process, and the counts of messages that relay and consumers report. */
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
  }
}
