import { perform, type Resources } from '@feira/chassis'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { asc, gt } from 'drizzle-orm'
import type { User } from '../domain/user.ts'
import { users } from '../schema.ts'
import { toEvent } from '../users/user-view.ts'

const kind = 'user'
const pageSize = 500

interface Request {
  readonly requestId: string
  readonly replyQueue: string
}

/**
 * `snapshot.requested` → `user.snapshot` for every user and `snapshot.completed`, to the one who asked. A page at a time
 * in transactions of their own, however many users there are; cut short, it begins again, and readers drop what they
 * have.
 */
export const onSnapshotRequested = perform('on-snapshot-requested', snapshotRequested, {
  async claim({ data: { requestId, replyQueue, kinds } }): Promise<Request | undefined> {
    return kinds.includes(kind) ? { requestId, replyQueue } : undefined
  },

  async act(request, resources) {
    let sent = 0
    for (let last: string | undefined, full = true; full;) {
      const rows = await sendPage(request, last, resources)
      last = rows.at(-1)?.id
      sent += rows.length
      full = rows.length === pageSize
    }
    return sent
  },

  async settle({ requestId, replyQueue }, count, tx) {
    tx.publish(snapshotCompleted, { requestId, owner: 'users', kind, count }, { queue: replyQueue })
  },
})

function sendPage(request: Request, last: string | undefined, { transact }: Resources): Promise<User[]> {
  const { requestId, replyQueue } = request
  return transact(async tx => {
    const rows = await tx.db
      .select()
      .from(users)
      .where(last === undefined ? undefined : gt(users.id, last))
      .orderBy(asc(users.id))
      .limit(pageSize)
    for (const user of rows) tx.publish(userSnapshot, { ...toEvent(user), requestId }, { queue: replyQueue })
    return rows
  })
}
