import { answerSnapshots } from '@feira/chassis'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { asc, gt } from 'drizzle-orm'
import type { User } from '../domain/user.ts'
import { users } from '../schema.ts'
import { toEvent } from '../users/user-view.ts'

/** `snapshot.requested` → `user.snapshot` for every user, and `snapshot.completed`. */
export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: userSnapshot,
  kind: 'user',
  owner: 'users',
  readPage: ({ db }, after, limit): Promise<User[]> =>
    db
      .select()
      .from(users)
      .where(after === undefined ? undefined : gt(users.id, after))
      .orderBy(asc(users.id))
      .limit(limit),
  toPayload: toEvent,
})
