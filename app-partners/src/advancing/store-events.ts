import type { Transaction } from '@feira/chassis'
import type { Step } from '../domain/event.ts'
import type { EventRow } from '../schema.ts'
import { tallyChanged } from '../tallies.ts'

/** An event as it was and as it is to be. */
export interface Change {
  readonly before: EventRow
  readonly after: EventRow
}

/** A line of an event's history, with the version that it made. */
export interface StepOf extends Step {
  readonly eventId: string
  readonly number: number
}

/** Stores changed events, which this transaction has locked, and their steps, and counts them anew. */
export async function storeEvents(
  { query }: Transaction,
  changes: readonly Change[],
  steps: readonly StepOf[],
): Promise<void> {
  if (changes.length === 0) return
  await query({
    name: 'store-events',
    text: `
      with changed as (
        update events set state = t.state, attempts = t.attempts, order_id = t.order_id, outcome = t.outcome,
          due_at = t.due_at, version = t.version, updated_at = t.updated_at, settled_at = t.settled_at
        from unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::int[], $6::uuid[], $7::jsonb[],
          $8::timestamptz[], $9::int[], $10::timestamptz[], $11::timestamptz[])
          as t (id, was, first_settled, state, attempts, order_id, outcome, due_at, version, updated_at, settled_at)
        where events.id = t.id
        returning events.partner_id, events.kind, t.was, events.state, t.first_settled, events.settled_at,
          events.received_at),
      tallies as (${tallyChanged('changed')})
      insert into event_steps (event_id, number, state, detail, at)
      select * from unnest($12::uuid[], $13::int[], $14::text[], $15::text[], $16::timestamptz[])`,
    values: [...columnsOfChanges(changes), ...columnsOfSteps(steps)],
  })
}

function columnsOfChanges(changes: readonly Change[]): unknown[][] {
  const after = changes.map(change => change.after)
  return [
    after.map(({ id }) => id),
    changes.map(({ before }) => before.state),
    changes.map(change => change.before.settledAt === null && change.after.settledAt !== null),
    after.map(({ state }) => state),
    after.map(({ attempts }) => attempts),
    after.map(({ orderId }) => orderId),
    after.map(({ outcome }) => outcome && JSON.stringify(outcome)),
    after.map(({ dueAt }) => dueAt),
    after.map(({ version }) => version),
    after.map(({ updatedAt }) => updatedAt),
    after.map(({ settledAt }) => settledAt),
  ]
}

function columnsOfSteps(steps: readonly StepOf[]): unknown[][] {
  return [
    steps.map(({ eventId }) => eventId),
    steps.map(({ number }) => number),
    steps.map(({ state }) => state),
    steps.map(({ detail }) => detail),
    steps.map(({ at }) => at),
  ]
}
