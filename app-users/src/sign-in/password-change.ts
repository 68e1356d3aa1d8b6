import { Rejection, rejections, type Resources, type Transaction } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import type { Config } from '../config.ts'
import type { User } from '../domain/user.ts'
import { requireOwnPasswords } from '../tokens/issuer-mode.ts'
import { forgetFailures, tryPassword } from './login-attempts.ts'
import { hashPassword, inTurn } from './passwords.ts'
import { users } from '../schema.ts'

export interface PasswordChange {
  /** Whose password. */
  readonly id: string
  readonly password: string
  readonly currentPassword: string | undefined
  /** See `addressKey`. */
  readonly address: string
  /** Whether users change their own, which they must prove: a stolen token must not take over the account for good. */
  readonly own: boolean
}

/** In the transaction of the change: the new hash. @throws Rejection when the password was changed meanwhile. */
export type ApplyPassword = (tx: Transaction, user: User) => Promise<string>

/**
 * Does the slow part of a change, outside of any transaction.
 * @throws Rejection 403 for a wrong current password, 400 for a missing one, 429 after too many, 409 with another issuer
 */
export async function changePassword(resources: Resources<Config>, change: PasswordChange): Promise<ApplyPassword> {
  const { id, password, address, own } = change
  requireOwnPasswords(resources.config)
  const proven = own ? await proveCurrent(resources, change) : undefined
  const passwordHash = await hashPassword(password)
  return async (tx, user) => {
    if (proven && proven !== user.passwordHash) throw wrongPassword()
    if (own) await forgetFailures(tx, { account: id, address })
    return passwordHash
  }
}

async function proveCurrent(
  { db, transact }: Resources<Config>,
  { id, currentPassword, address }: PasswordChange,
): Promise<string> {
  if (currentPassword === undefined) throw missingPassword()
  return inTurn(async () => {
    const [user] = await db.select().from(users).where(eq(users.id, id))
    const matches = await tryPassword(transact, { account: id, address }, user, currentPassword)
    if (!user?.passwordHash || !matches) throw wrongPassword()
    return user.passwordHash
  })
}

function missingPassword(): Rejection {
  const message = 'is needed to change your own password'
  return rejections.invalid([{ in: 'body', field: 'currentPassword', message }])
}

function wrongPassword(): Rejection {
  return new Rejection('wrong-password', 403, 'The current password is wrong.', {
    fields: [{ in: 'body', field: 'currentPassword', message: 'is wrong' }],
  })
}
