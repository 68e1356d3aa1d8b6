import { every, firstIdAt, type Resources } from '@feira/chassis'
import { advanceOrders } from '../advancing/advance-orders.ts'
import type { Config } from '../config.ts'
import { toOrder, type OrderRow } from '../order-row.ts'
import { orders } from '../schema.ts'
import { and, asc, eq, lt } from 'drizzle-orm'

const batchSize = 100

/** After `ORDER_PAYMENT_DEADLINE` without a payment → `order.cancelled` and `stock.release`. */
export const expireUnpaidOrders = every<Config>('expire-unpaid-orders', '10s', async (resources, signal) => {
  // One state at a time: asked for both, PostgreSQL, to which age and state have nothing to do with each other, reads
  // all the old orders to find the few that are unpaid.
  for (const status of ['pending', 'reserved'] as const) {
    while (!signal.aborted && (await expireSome(status, resources)) === batchSize) continue
  }
})

/** @returns how many orders it cancelled. What another replica works on is left to it. */
function expireSome(status: 'pending' | 'reserved', { transact, config }: Resources<Config>): Promise<number> {
  return transact(async tx => {
    // An id tells when its order was placed, so the index by state and id leads straight to those that are due.
    const placedBefore = firstIdAt(new Date(Date.now() - config.ORDER_PAYMENT_DEADLINE))
    const unpaid = and(eq(orders.status, status), eq(orders.paymentReceived, false))
    const due: OrderRow[] = await tx.db
      .select()
      .from(orders)
      .where(and(unpaid, lt(orders.id, placedBefore)))
      .orderBy(asc(orders.id))
      .limit(batchSize)
      .for('update', { skipLocked: true })
    const locked = new Map(due.map(row => [row.id, toOrder(row)]))
    const deadline = { type: 'deadline', reason: 'not paid in time' } as const
    const happenings = due.map(({ id }) => ({ orderId: id, signal: deadline }))
    await advanceOrders(tx, locked, happenings)
    return due.length
  })
}
