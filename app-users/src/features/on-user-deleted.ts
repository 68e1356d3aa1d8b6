import { eraseSubject } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { eq } from 'drizzle-orm'
import { disownOrders } from '../users/order-counters.ts'
import { loginFailures, userTombstones } from '../schema.ts'

/** `user.deleted`, our own → what is left of the person in outbox, stored answers and dead letters. */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  await disownOrders(tx, userId)
  // A password may have been tried while the user was being deleted.
  await tx.db.delete(loginFailures).where(eq(loginFailures.account, userId))
  const [tombstone] = await tx.db.select().from(userTombstones).where(eq(userTombstones.id, userId))
  await tx.db.update(userTombstones).set({ email: null }).where(eq(userTombstones.id, userId))
  return tombstone?.email ? [tombstone.email] : []
})
