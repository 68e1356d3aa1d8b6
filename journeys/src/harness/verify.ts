import assert from 'node:assert/strict'
import type { Feira } from './feira.ts'
import { violations, type Seeded } from './invariants.ts'
import { takeSnapshot, type Snapshot } from './snapshot.ts'
import { until } from './until.ts'

export interface VerifyOptions extends Seeded {
  /** Milliseconds until the system must be at rest. */
  readonly within?: number
}

/**
 * Waits until the system is at rest and holds every invariant against it.
 * @returns what it remembered.
 * @throws AssertionError naming every violation.
 */
export async function verify(feira: Feira, options: VerifyOptions = {}): Promise<Snapshot> {
  const rest = await until('the system is at rest', () => isAtRest(feira, options), options.within).then(
    () => [],
    (error: Error) => [error.message],
  )
  const snapshot = await takeSnapshot(feira)
  const found = [...rest, ...violations(snapshot, feira.book.answers, options)]
  const more = found.length > 20 ? [`… and ${found.length - 20} more`] : []
  assert.deepEqual([...found.slice(0, 20), ...more], [])
  return snapshot
}

async function isAtRest({ databases, broker, queues }: Feira, { foreign = [], poison = [] }: Seeded): Promise<boolean> {
  const pending = 'select count(*)::int as n from chassis.outbox where published_at is null and unrouted_at is null'
  const [[orders], [invoices], created, [answered]] = await Promise.all([
    databases.orders.rows<Count>(pending),
    databases.invoices.rows<Count>(pending),
    databases.orders.rows<{ id: string }>(`select id from chassis.outbox where type = 'order.created'`),
    databases.invoices.rows<Count>(`select
        (select count(*) from chassis.processed_messages where consumer like '%.on-order-created')::int
      + (select count(*) from chassis.dead_letters where replayed_at is null)::int as n`),
  ])
  if (orders?.n !== 0 || invoices?.n !== 0) return false
  const ids = [...created.map(({ id }) => id), ...foreign.map(({ messageId }) => messageId), ...poison]
  if ((answered?.n ?? 0) < new Set(ids).size) return false
  return [...(await broker.depths(queues)).values()].every(depth => depth === 0)
}

interface Count {
  readonly n: number
}
