export const roles = ['user', 'admin', 'partner'] as const
export type Role = (typeof roles)[number]

export const statuses = ['active', 'blocked'] as const
export type UserStatus = (typeof statuses)[number]

export const locales = ['pt-BR', 'en'] as const
export type Locale = (typeof locales)[number]

/** The id of no user: whose orders are counted that belong to nobody, or to somebody who was erased. */
export const nobody = '00000000-0000-0000-0000-000000000000'

export interface User {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly loginName: string | null
  readonly role: Role
  readonly status: UserStatus
  readonly locale: Locale
  readonly passwordHash: string | null
  /** 1 when created; grows by one with every change. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewUser = Pick<User, 'id' | 'name' | 'email'> & {
  readonly [Field in 'loginName' | 'role' | 'status' | 'locale' | 'passwordHash']?: User[Field] | undefined
}

/** A user as it begins. */
export function newUser(given: NewUser, at: Date): User {
  const { id, name, email, role = 'user', status = 'active', locale = 'pt-BR' } = given
  const { loginName = null, passwordHash = null } = given
  return { id, name, email, loginName, role, status, locale, passwordHash, version: 1, createdAt: at, updatedAt: at }
}

export type Changes = { readonly [Field in Changeable]?: User[Field] | undefined }
type Changeable = 'name' | 'email' | 'role' | 'status' | 'locale' | 'passwordHash'

/** The user after a change: the next version of it, or the very same object when nothing differs. */
export function changed(user: User, changes: Changes, at: Date): User {
  const fields = Object.keys(changes) as Changeable[]
  const differing = fields.filter(field => changes[field] !== undefined && changes[field] !== user[field])
  if (differing.length === 0) return user
  const values = Object.fromEntries(differing.map(field => [field, changes[field]]))
  return { ...user, ...values, version: user.version + 1, updatedAt: at }
}

/** Whether a change, or a deletion (`after` undefined), takes away an admin who could act. */
export function losesAdmin(before: User, after: User | undefined): boolean {
  return isActiveAdmin(before) && !(after && isActiveAdmin(after))
}

/** Whether whoever signed in before must sign in again: the user is blocked, or has another password. */
export function endsSessions(before: User, after: User): boolean {
  return after.passwordHash !== before.passwordHash || (before.status === 'active' && after.status === 'blocked')
}

function isActiveAdmin({ role, status }: User): boolean {
  return role === 'admin' && status === 'active'
}
