import type { Received } from '@feira/chassis'
import type { userCreated, userDeleted, userSnapshot, userUpdated } from '@feira/contracts/users'
import { users } from '../schema.ts'
import { keepNewest } from './keep-newest.ts'

export const keepUsers = keepNewest(users)

type User = Received<typeof userCreated | typeof userUpdated | typeof userSnapshot>['data']
type Deletion = Received<typeof userDeleted>['data']

const unknown = { name: null, email: null, role: null, status: null, locale: null, createdAt: null, updatedAt: null }

/** The user as a message shows them, or the tombstone that a deletion leaves. */
export function toUserRow(data: User | Deletion): typeof users.$inferSelect {
  const { userId: id, version } = data
  if ('deletedAt' in data) return { ...unknown, id, version, deletedAt: new Date(data.deletedAt) }
  const { name, email, role, status, locale } = data
  const times = { createdAt: new Date(data.createdAt), updatedAt: new Date(data.updatedAt), deletedAt: null }
  return { id, version, name, email, role, status, locale, ...times }
}
