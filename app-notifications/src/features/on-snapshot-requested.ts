import { answerSnapshots } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import { notificationSnapshot } from '@feira/contracts/notifications'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { and, asc, gt, inArray } from 'drizzle-orm'
import { toEvent } from '../delivery/delivery.ts'
import type { Notification } from '../delivery/ledger.ts'
import { notifications } from '../schema.ts'

/**
 * `snapshot.requested` → `notification.snapshot` for each notification that was sent or given up, and
 * `snapshot.completed`. Of one that still waits the next event will tell.
 */
export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: notificationSnapshot,
  kind: 'notification',
  owner: 'notifications',
  readPage: ({ db }, after, limit): Promise<Notification[]> =>
    db
      .select()
      .from(notifications)
      .where(
        and(
          inArray(notifications.status, ['sent', 'failed']),
          after === undefined ? undefined : gt(notifications.id, after),
        ),
      )
      .orderBy(asc(notifications.id))
      .limit(limit),
  toPayload,
})

function toPayload(row: Notification): Omit<Payload<typeof notificationSnapshot>, 'requestId'> {
  const status = row.status === 'sent' ? 'sent' : 'failed'
  return { ...toEvent(row), status, at: (row.sentAt ?? row.failedAt ?? row.updatedAt).toISOString() }
}
