import { answerSnapshots } from '@feira/chassis'
import { orderSnapshot } from '@feira/contracts/orders'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { asc, gt } from 'drizzle-orm'
import { toOrderSnapshot } from '../order-events.ts'
import { toOrder, type OrderRow } from '../order-row.ts'
import { orders } from '../schema.ts'

/** `snapshot.requested` → `order.snapshot` for every order, and `snapshot.completed`. */
export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: orderSnapshot,
  kind: 'order',
  owner: 'orders',
  readPage: ({ db }, after, limit): Promise<OrderRow[]> =>
    db
      .select()
      .from(orders)
      .where(after === undefined ? undefined : gt(orders.id, after))
      .orderBy(asc(orders.id))
      .limit(limit),
  toPayload: row => toOrderSnapshot(toOrder(row)),
})
