import type { Cause, Transaction } from '@feira/chassis'
import { notificationsEmail, notificationsSms } from '@feira/contracts/notifications'
import { notifications } from '../schema.ts'

type NewNotification = typeof notifications.$inferInsert

/**
 * Stores notifications as pending and publishes the work of sending them, in one transaction. Of those about the same event
 * in the same template only the first is kept.
 * @param causeOf the message that led to each.
 */
export async function putOut(
  tx: Transaction,
  wanted: readonly NewNotification[],
  causeOf?: (id: string) => Cause | undefined,
): Promise<void> {
  if (wanted.length === 0) return
  const rows = await tx.db
    .insert(notifications)
    .values([...wanted])
    .onConflictDoNothing()
    .returning()
  for (const row of rows) publishWork(tx, row, causeOf?.(row.id))
}

/** Publishes the work of sending a notification. */
export function publishWork(tx: Transaction, row: typeof notifications.$inferSelect, cause?: Cause): void {
  const { id: notificationId, channel, userId, orderId, recipient, subject, text, html, priority } = row
  const common = { notificationId, userId, orderId, text, priority }
  // What is urgent goes to its own queue at once: on its way through the other it would wait behind the others.
  const options = (queue: string) => ({ ...(priority === 'high' ? { queue } : {}), ...(cause ? { cause } : {}) })
  if (channel === 'email')
    tx.publish(
      notificationsEmail,
      { ...common, to: recipient, subject, html },
      options('notifications.email-workers-high'),
    )
  else tx.publish(notificationsSms, { ...common, phone: recipient }, options('notifications.sms-workers-high'))
}
