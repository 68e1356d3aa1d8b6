import type { Transaction } from '@feira/chassis'
import type { Item, ReservationState } from './domain/reservation.ts'

export interface StoredReservation {
  readonly state: ReservationState
  readonly items: readonly Item[]
}

/**
 * Locks what orders have here until the transaction ends; an order that has nothing yet gets a row that remembers `state`,
 * so that what was meant to come first does nothing when it comes. Orders are locked before products.
 */
export async function lockReservations(
  tx: Transaction,
  orderIds: readonly string[],
  state: ReservationState,
  at: Date,
): Promise<Map<string, StoredReservation>> {
  // Rows are written and locked in one order everywhere, so that two transactions cannot wait for each other. The two
  // statements travel together; the second sees what was committed while the first waited.
  const [, { rows }] = await Promise.all([
    tx.query({
      name: 'remember-reservations',
      text: `insert into reservations (order_id, state, items, created_at, updated_at)
             select id, $2, '[]', $3, $3 from unnest($1::uuid[]) as id order by id on conflict do nothing`,
      values: [orderIds, state, at],
    }),
    tx.query<StoredReservation & { order_id: string }>({
      name: 'lock-reservations',
      text: 'select order_id, state, items from reservations where order_id = any($1::uuid[]) order by order_id for update',
      values: [orderIds],
    }),
  ])
  return new Map(rows.map(({ order_id, ...reservation }) => [order_id, reservation]))
}

/** Notes what became of reservations that this transaction holds. */
export async function storeState(
  tx: Transaction,
  orderIds: readonly string[],
  state: ReservationState,
  at: Date,
): Promise<void> {
  if (orderIds.length === 0) return
  await tx.query({
    name: 'store-reservation-state',
    text: 'update reservations set state = $2, updated_at = $3 where order_id = any($1::uuid[])',
    values: [orderIds, state, at],
  })
}

/** Messages by their order, in the order given; of several about one order the first. */
export function byOrder<M extends { readonly data: { readonly orderId: string } }>(
  messages: readonly M[],
): Map<string, M> {
  const found = new Map<string, M>()
  for (const message of messages) {
    // Ids are stored in lower case.
    const id = message.data.orderId.toLowerCase()
    if (!found.has(id)) found.set(id, message)
  }
  return found
}
