import type { Transaction } from '@feira/chassis'
import type { Order } from '../domain/order.ts'
import type { Announcement } from '../order-events.ts'
import { tallyChanged } from '../tallies.ts'

/** An order as it was and as it is to be. */
export interface Change {
  readonly before: Order
  readonly after: Order
}

/** A row of the history: one version of an order. */
export interface HistoryEntry extends Omit<Announcement, 'causedBy'> {
  /** Whether a person wrote its reason. */
  readonly typed: boolean
}

/** Stores changed orders, which this transaction has locked, and their history, and counts them anew. */
export async function storeOrders(
  { query }: Transaction,
  changes: readonly Change[],
  history: readonly HistoryEntry[],
): Promise<void> {
  if (changes.length === 0) return
  const after = changes.map(change => change.after)
  await query({
    name: 'store-orders',
    text: `
      with changed as (
        update orders set status = t.status, version = t.version, updated_at = t.updated_at,
          payment_received = t.payment_received, payment_reference = t.payment_reference
        from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::boolean[], $7::text[])
          as t (id, was, status, version, updated_at, payment_received, payment_reference)
        where orders.id = t.id
        returning orders.status, t.was, orders.tallied, orders.created_at, orders.total_cents),
      tallies as (${tallyChanged('changed')})
      insert into order_history (order_id, version, status, reason, reason_typed, at)
      select * from unnest($8::uuid[], $9::int[], $10::text[], $11::text[], $12::boolean[], $13::timestamptz[])`,
    values: [
      after.map(({ id }) => id),
      changes.map(({ before }) => before.status),
      after.map(({ status }) => status),
      after.map(({ version }) => version),
      after.map(({ updatedAt }) => updatedAt),
      after.map(({ payment }) => payment !== null),
      after.map(({ payment }) => payment?.reference ?? null),
      ...columnsOf(history),
    ],
  })
}

function columnsOf(history: readonly HistoryEntry[]): unknown[][] {
  return [
    history.map(({ order }) => order.id),
    history.map(({ version }) => version),
    history.map(({ status }) => status),
    history.map(({ reason }) => reason),
    history.map(({ typed, reason }) => typed && reason !== null),
    history.map(({ at }) => at),
  ]
}
