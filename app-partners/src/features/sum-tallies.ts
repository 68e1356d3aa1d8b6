import { every, type Resources } from '@feira/chassis'
import type { EventState } from '../domain/event.ts'
import { metersOf, type Meters } from '../meters.ts'

const batchSize = 5_000

/**
 * Sums up what the tallies have to add, and counts the same in the metrics: of all replicas, the one that took a change
 * away counts it, once that is committed. A crash in that moment costs the metrics what it had taken, and nothing else.
 */
export const sumTallies = every('sum-tallies', '1s', async (resources, signal) => {
  const meters = metersOf(resources.metrics)
  let taken: Change[]
  do {
    const { rowCount } = await resources.query({ text: 'select 1 from event_tally_changes limit 1' })
    taken = rowCount === 0 ? [] : await take(resources)
    for (const change of taken) count(meters, change)
  } while (taken.length === batchSize && !signal.aborted)
})

interface Change {
  readonly kind: string
  readonly was: EventState | null
  readonly state: EventState
  readonly seconds: number | null
}

function take({ transact }: Resources): Promise<Change[]> {
  return transact(async tx => (await tx.query<Change>({ text: sumUp })).rows)
}

// Sorted, so that replicas lock the tallies in one order.
const sumUp = `
  with taken as (
    delete from event_tally_changes where ctid = any(array(
      select ctid from event_tally_changes limit ${batchSize} for update skip locked))
    returning *),
  summed as (
    insert into event_tallies as known (partner_id, kind, state, events)
    select partner_id, kind, counted.state, sum(change)
    from taken cross join lateral (values (was, -1), (taken.state, 1)) as counted (state, change)
    where counted.state is not null group by 1, 2, 3 order by 1, 2, 3
    on conflict (partner_id, kind, state) do update set events = known.events + excluded.events)
  select kind, was, state, settled_after_ms / 1000.0::float8 as seconds from taken`

function count(meters: Meters, { kind, was, state, seconds }: Change): void {
  const type = { type: kind }
  if (was === null) meters.received.inc(type)
  if (seconds === null) return
  const meter = state === 'dead' ? meters.failed : meters.processed
  meter.inc(type)
  meters.duration.observe(type, seconds)
}
