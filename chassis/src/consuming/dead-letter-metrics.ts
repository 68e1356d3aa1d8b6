import type { Registry } from 'prom-client'
import type { QueueNames } from '../broker/topology.ts'
import type { Query } from '../service.ts'
import { sampledGauge, sampler } from '../telemetry/sampled-gauge.ts'

// As of the outbox: counting stops at a number that is alarming anyway.
const sampleText = `
  select name, (select count(*) from (
    select 1 from chassis.dead_letters where replayed_at is null and dead_letters.queue = own.queue limit 10000) as d)::int as waiting
  from unnest($1::text[], $2::text[]) as own (name, queue)`

/** Registers `dead_letters`: of the database, so the same in every replica. */
export function watchDeadLetters(query: Query, queues: readonly QueueNames[], registry: Registry): void {
  const values = [queues.map(({ name }) => name), queues.map(({ main }) => main)]
  const sample = sampler(() => query<{ name: string; waiting: number }>({ text: sampleText, values }))
  sampledGauge(registry, {
    name: 'dead_letters',
    help: 'Dead letters of a queue that were not replayed; at most 10,000 are counted.',
    labelNames: ['queue'],
    sample,
    read: ({ rows }) => rows.map(({ name, waiting }) => [{ queue: name }, waiting]),
  })
}
