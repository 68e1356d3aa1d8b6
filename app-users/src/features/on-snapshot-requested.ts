import { consume, type Transaction } from '@feira/chassis'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { asc, gt } from 'drizzle-orm'
import type { User } from '../domain/user.ts'
import { users } from '../schema.ts'
import { toEvent } from '../users/user-view.ts'

const kind = 'user'
const ownQueue = 'users.on-snapshot-requested'
/** Rows in memory, and in one transaction. */
const pageSize = 500

/**
 * `snapshot.requested` → `user.snapshot` for every user and `snapshot.completed`, to the queue of whoever asked. After each
 * page it sends itself the request to go on, so that any number of users is sent, each once.
 */
export const onSnapshotRequested = consume('on-snapshot-requested', snapshotRequested, async ({ data }, tx) => {
  const { requestId, kinds, replyQueue: queue, progress } = data
  if (!kinds.includes(kind)) return
  const rows = await readPage(tx, progress?.after)
  for (const user of rows) tx.publish(userSnapshot, { ...toEvent(user), requestId }, { queue })
  const sent = (progress?.sent ?? 0) + rows.length
  const last = rows.at(pageSize - 1)
  if (last) tx.publish(snapshotRequested, { ...data, progress: { after: last.id, sent } }, { queue: ownQueue })
  else tx.publish(snapshotCompleted, { requestId, owner: 'users', kind, count: sent }, { queue })
})

function readPage({ db }: Transaction, after: string | undefined): Promise<User[]> {
  return db
    .select()
    .from(users)
    .where(after === undefined ? undefined : gt(users.id, after))
    .orderBy(asc(users.id))
    .limit(pageSize)
}
