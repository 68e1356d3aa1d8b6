import { every, firstIdAt, type Resources } from '@feira/chassis'
import { advanceOrders } from '../advance-orders.ts'
import type { Config } from '../config.ts'
import { toOrder, type OrderRow } from '../order-row.ts'
import { orders } from '../schema.ts'
import { and, asc, eq, inArray, lt } from 'drizzle-orm'

const batchSize = 100

/** After `ORDER_PAYMENT_DEADLINE` without a payment → `order.cancelled` and `stock.release`. */
export const expireUnpaidOrders = every<Config>('expire-unpaid-orders', '10s', async (resources, signal) => {
  while (!signal.aborted && (await expireSome(resources)) === batchSize) continue
})

/** @returns how many orders it cancelled. What another replica works on is left to it. */
function expireSome({ transact, config }: Resources<Config>): Promise<number> {
  return transact(async tx => {
    // An id tells when its order was placed, so the index by state and id leads straight to those that are due.
    const placedBefore = firstIdAt(new Date(Date.now() - config.ORDER_PAYMENT_DEADLINE))
    const unpaid = and(inArray(orders.status, ['pending', 'reserved']), eq(orders.paymentReceived, false))
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
