import { eraseSubject, type Transaction } from '@feira/chassis'
import { notificationFailed } from '@feira/contracts/notifications'
import { userDeleted } from '@feira/contracts/users'
import { inArray, sql } from 'drizzle-orm'
import { toEvent } from '../delivery/delivery.ts'
import { deliveryAttempts, notifications } from '../schema.ts'

/** `user.deleted` → nothing is left of whom notifications were for or what they said; what was not sent yet never is. */
export const onUserDeleted = eraseSubject('on-user-deleted', userDeleted, async (userId, tx) => {
  const { rows } = await tx.query<{ id: string; recipient: string }>({ text: theirs, values: [userId] })
  const ids = rows.map(({ id }) => id)
  if (ids.length > 0) await forget(tx, ids)
  return [...new Set(rows.map(({ recipient }) => recipient))]
})

// Also what was sent to an address of theirs without anybody saying whose it is. In one order, as everywhere.
const theirs = `
  select id, recipient from notifications where recipient is not null and (user_id = $1
    or user_id is null and recipient in (select recipient from notifications where user_id = $1))
  order by id for update`

async function forget(tx: Transaction, ids: string[]): Promise<void> {
  const now = new Date()
  const unsent = sql`${notifications.status} = 'pending'`
  const rows = await tx.db
    .update(notifications)
    .set({
      recipient: null,
      subject: null,
      text: null,
      html: null,
      lastError: sql`case when ${unsent} then 'erased' end`,
      version: sql`${notifications.version} + (case when ${unsent} then 1 else 0 end)`,
      status: sql`case when ${unsent} then 'failed' else ${notifications.status} end`,
      failedAt: sql`case when ${unsent} then ${now.toISOString()}::timestamptz else ${notifications.failedAt} end`,
      revision: sql`${notifications.revision} + 1`,
      updatedAt: now,
    })
    .where(inArray(notifications.id, ids))
    .returning()
  await tx.db.update(deliveryAttempts).set({ error: null }).where(inArray(deliveryAttempts.notificationId, ids))
  for (const row of rows.filter(({ lastError }) => lastError === 'erased')) {
    tx.publish(notificationFailed, { ...toEvent(row), reason: 'erased', failedAt: now.toISOString() })
  }
}
