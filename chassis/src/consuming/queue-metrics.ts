import type { Registry } from 'prom-client'
import type { CountQueues, QueueCounts } from '../broker/count-queues.ts'
import type { QueueNames } from '../broker/topology.ts'
import { sampledGauge, sampler } from '../telemetry/sampled-gauge.ts'

/** Registers `queue_messages` and `queue_consumers`: of the broker, so the same in every replica. */
export function watchQueues(queues: readonly QueueNames[], count: CountQueues, registry: Registry): void {
  const all = queues.flatMap(each => [each.main, each.dead, ...each.retries.map(({ name }) => name)])
  const sample = sampler(() => count(all))
  sampledGauge(registry, {
    name: 'queue_messages',
    help: 'Messages that wait in the queues of a consumer: work, retry (in all its pauses together), dead (not yet in dead_letters).',
    labelNames: ['queue', 'kind'],
    sample,
    read: counts => queues.flatMap(each => messagesOf(each, counts)),
  })
  sampledGauge(registry, {
    name: 'queue_consumers',
    help: 'Consumers that take from a queue, of all replicas.',
    labelNames: ['queue'],
    sample,
    read: counts =>
      queues.flatMap(({ name, main }) => {
        const consumers = counts.get(main)?.consumerCount
        return consumers === undefined ? [] : [[{ queue: name }, consumers] as const]
      }),
  })
}

function messagesOf({ name, main, dead, retries }: QueueNames, counts: QueueCounts) {
  const kinds = { work: [main], retry: retries.map(retry => retry.name), dead: [dead] }
  return Object.entries(kinds).flatMap(([kind, members]) => {
    const waiting = members.map(member => counts.get(member)?.messageCount)
    // Of queues of which one is missing, the others would tell too little.
    const known = waiting.filter(each => each !== undefined)
    if (known.length < waiting.length) return []
    return [[{ queue: name, kind }, known.reduce((sum, each) => sum + each, 0)] as const]
  })
}
