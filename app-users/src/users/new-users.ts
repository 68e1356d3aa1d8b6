import { Rejection, type Transaction } from '@feira/chassis'
import { userCreated } from '@feira/contracts/users'
import { eq } from 'drizzle-orm'
import type { User } from '../domain/user.ts'
import { users, userTombstones } from '../schema.ts'
import { toEvent } from './user-view.ts'

/** @returns whether the user is new: neither id nor e-mail address nor login name is anybody's. */
export async function insertUser(tx: Transaction, user: User): Promise<boolean> {
  const inserted = await tx.db.insert(users).values(user).onConflictDoNothing().returning({ id: users.id })
  if (inserted.length > 0) tx.publish(userCreated, toEvent(user))
  return inserted.length > 0
}

/** Whether there was such a user, who was deleted. */
export async function wasDeleted(tx: Transaction, id: string): Promise<boolean> {
  const rows = await tx.db.select({ id: userTombstones.id }).from(userTombstones).where(eq(userTombstones.id, id))
  return rows.length > 0
}

export function emailTaken(): Rejection {
  return new Rejection('email-taken', 409, 'Another user has this e-mail address.', {
    fields: [{ in: 'body', field: 'email', message: 'is taken' }],
  })
}
