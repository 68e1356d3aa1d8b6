import type { QueryResult } from 'pg'
import { Gauge, type Registry } from 'prom-client'
import type { Query } from '../service.ts'
import { sampledGauge, sampler } from '../telemetry/sampled-gauge.ts'
import type { Publisher } from './publisher.ts'

type OutboxSample = { readonly pending: number; readonly unrouted: number; readonly age: number }

// Counting stops at a number that is alarming anyway, so that a scrape of a huge backlog stays cheap. By statistics of a time
// when hardly anything waited, PostgreSQL would first gather all that waits in a bitmap.
const sampleText = `set local enable_bitmapscan to off; select
  (select count(*) from (select from chassis.outbox where published_at is null and unrouted_at is null limit 10000) as p)::int as pending,
  (select count(*) from (select from chassis.outbox where unrouted_at is not null limit 10000) as u)::int as unrouted,
  coalesce(extract(epoch from now() - (select created_at from chassis.outbox
    where published_at is null and unrouted_at is null order by id limit 1)), 0)::float8 as age`

async function readSample(query: Query): Promise<OutboxSample> {
  // Of several statements, which are one transaction, pg gives several results.
  const results = (await query({ text: sampleText })) as unknown as readonly QueryResult<OutboxSample>[]
  return results.at(-1)?.rows[0] as OutboxSample
}

/** Registers `outbox_messages` and `outbox_oldest_seconds`: of the database, so the same in every replica. */
export function watchOutbox(query: Query, registry: Registry): void {
  const sample = sampler(() => readSample(query))
  sampledGauge(registry, {
    name: 'outbox_messages',
    help: 'Messages in the outbox that have not left: pending, and unrouted (no queue takes them); at most 10,000 are counted.',
    labelNames: ['state'],
    sample,
    read: ({ pending, unrouted }) => [
      [{ state: 'pending' }, pending],
      [{ state: 'unrouted' }, unrouted],
    ],
  })
  sampledGauge(registry, {
    name: 'outbox_oldest_seconds',
    help: 'Age of the oldest pending message in the outbox.',
    sample,
    read: ({ age }) => [[{}, Math.max(0, age)]],
  })
}

/** Registers `broker_connected`. */
export function watchPublisher(publisher: Pick<Publisher, 'trouble'>, registry: Registry): void {
  const gauge: Gauge = new Gauge({
    name: 'broker_connected',
    help: 'Whether messages can be given to the broker now: 1, or 0.',
    registers: [registry],
    collect: () => gauge.set(publisher.trouble() === undefined ? 1 : 0),
  })
}
