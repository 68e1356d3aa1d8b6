import { eraseSubject, type Transaction } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { advanceOrders } from '../advance-orders.ts'
import { toOrder, type OrderRow } from '../order-row.ts'
import { forgetUser } from '../replicas/customers.ts'
import { orders } from '../schema.ts'
import { and, asc, eq, inArray, isNotNull, or } from 'drizzle-orm'

/**
 * `user.deleted` → nobody orders for that user any more, unpaid orders are cancelled, and of the others only amounts and
 * the id stay. Repeated for orders that were being placed meanwhile.
 */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  // First: whoever places an order of products now either waits for this to commit, or is waited for here.
  const known = await forgetUser(tx, userId)
  const rows = await lockOrdersOf(tx, userId)
  await blank(tx, userId, rows)
  await cancelUnpaid(tx, rows)
  // Names are left out: other people have the same.
  return [known, ...rows.map(({ userEmail }) => userEmail)].filter(email => email !== null)
})

/** Those of the user's orders that hold something of the person, or that nobody will pay any more. */
function lockOrdersOf({ db }: Transaction, userId: string): Promise<OrderRow[]> {
  const { userName, userEmail, userLocale, shippingAddress } = orders
  const personal = [userName, userEmail, userLocale, shippingAddress].map(column => isNotNull(column))
  const unpaid = inArray(orders.status, ['pending', 'reserved'])
  return db
    .select()
    .from(orders)
    .where(and(eq(orders.userId, userId), or(...personal, unpaid)))
    .orderBy(asc(orders.id))
    .for('update')
}

const nothing = { userName: null, userEmail: null, userLocale: null, shippingAddress: null }

async function blank({ db, query }: Transaction, userId: string, rows: readonly OrderRow[]): Promise<void> {
  const ids = rows.map(({ id }) => id)
  if (ids.length > 0) await db.update(orders).set(nothing).where(inArray(orders.id, ids))
  // What somebody wrote about an order may name its customer.
  await query({
    text: `update order_history set reason = null, reason_typed = false from orders
           where orders.user_id = $1 and order_history.order_id = orders.id and order_history.reason_typed`,
    values: [userId],
  })
}

async function cancelUnpaid(tx: Transaction, rows: readonly OrderRow[]): Promise<void> {
  const locked = new Map(rows.map(row => [row.id, toOrder({ ...row, ...nothing })]))
  const signal = { type: 'user-erased', reason: 'the account was deleted' } as const
  const happenings = rows.map(({ id }) => ({ orderId: id, signal }))
  await advanceOrders(tx, locked, happenings)
}
