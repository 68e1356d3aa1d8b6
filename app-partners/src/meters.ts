import { Counter, Histogram, type Registry } from '@feira/chassis'
import { strategies } from './strategies/index.ts'

/** The metrics of the events of partners, each by the event's kind; an event counts once in each, whatever its retries. */
export interface Meters {
  readonly received: Counter<'type'>
  /** Those that came to an answer, completed or refused. */
  readonly processed: Counter<'type'>
  /** Those that died first, whatever became of them later. */
  readonly failed: Counter<'type'>
  readonly duration: Histogram<'type'>
}

const known = new WeakMap<Registry, Meters>()

/** The meters of a service, made when they are first asked for. */
export function metersOf(registry: Registry): Meters {
  const meters = known.get(registry) ?? createMeters(registry)
  known.set(registry, meters)
  return meters
}

function createMeters(registry: Registry): Meters {
  const options = { labelNames: ['type' as const], registers: [registry] }
  const meters = {
    received: new Counter({ name: 'events_received_total', help: 'Events of partners taken in.', ...options }),
    processed: new Counter({ name: 'events_processed_total', help: 'Events completed or refused.', ...options }),
    failed: new Counter({ name: 'events_failed_total', help: 'Events that were given up.', ...options }),
    duration: new Histogram({
      name: 'processing_duration_seconds',
      help: 'Time from taking an event in to its first end.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
      ...options,
    }),
  }
  // Shown as 0 before the first, so that its arrival is an increase.
  for (const { kind } of strategies) {
    for (const counter of [meters.received, meters.processed, meters.failed]) counter.inc({ type: kind }, 0)
  }
  return meters
}
