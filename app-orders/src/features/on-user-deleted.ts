import { eraseSubject, type Transaction } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { and, asc, eq, inArray, isNotNull, or, sql } from 'drizzle-orm'
import { advanceOrders, lockOrders } from '../advancing/advance-orders.ts'
import { forgetUser } from '../replicas/customers.ts'
import { orders } from '../schema.ts'

/**
 * `user.deleted` → nobody orders for that user any more, unpaid orders are cancelled, and of the others only amounts and
 * the id stay. Repeated for orders that were being placed meanwhile.
 */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  const known = await forgetUser(tx, userId)
  const held = await holdOrdersOf(tx, userId)
  await blank(
    tx,
    userId,
    held.map(({ id }) => id),
  )
  await cancelUnpaid(
    tx,
    held.flatMap(({ id, unpaid }) => (unpaid ? [id] : [])),
  )
  // Names are left out: other people have the same.
  const emails = [known, ...held.map(({ userEmail }) => userEmail)].filter(email => email !== null)
  return [...new Set(emails)]
})

/** Locks those of the user's orders that hold something of the person, or that nobody will pay any more. */
function holdOrdersOf({ db }: Transaction, userId: string) {
  const { id, userName, userEmail, userLocale, shippingAddress } = orders
  const personal = [userName, userEmail, userLocale, shippingAddress].map(column => isNotNull(column))
  const unpaid = sql<boolean>`${inArray(orders.status, ['pending', 'reserved'])}`
  return db
    .select({ id, userEmail, unpaid })
    .from(orders)
    .where(and(eq(orders.userId, userId), or(...personal, unpaid)))
    .orderBy(asc(id))
    .for('update')
}

async function blank({ query }: Transaction, userId: string, ids: readonly string[]): Promise<void> {
  await query({
    text: `update orders set user_name = null, user_email = null, user_locale = null, shipping_address = null
           where id = any($1::uuid[])`,
    values: [ids],
  })
  // What somebody wrote about an order may name its customer.
  await query({
    text: `update order_history set reason = null, reason_typed = false from orders
           where orders.user_id = $1 and order_history.order_id = orders.id and order_history.reason_typed`,
    values: [userId],
  })
}

async function cancelUnpaid(tx: Transaction, ids: readonly string[]): Promise<void> {
  const signal = { type: 'user-erased', reason: 'the account was deleted' } as const
  const locked = await lockOrders(tx, ids)
  const happenings = ids.map(orderId => ({ orderId, signal }))
  await advanceOrders(tx, locked, happenings)
}
