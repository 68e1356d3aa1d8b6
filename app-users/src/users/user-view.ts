import { requireMatch, type Database } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import type { userUpdated } from '@feira/contracts/users'
import { eq, getTableColumns, type SQL } from 'drizzle-orm'
import { z } from 'zod'
import { emptyTally } from '../domain/order-tally.ts'
import { locales, roles, statuses, type User } from '../domain/user.ts'
import { orderCounters, users } from '../schema.ts'

/** A user as HTTP shows it. */
export const userView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    email: z.string(),
    role: z.enum(roles),
    status: z.enum(statuses),
    locale: z.enum(locales),
    orders: z
      .object({
        count: z.int(),
        completed: z.int(),
        spentCents: z.int().describe('of orders that are paid and not refunded'),
      })
      .describe('what is known of them a moment later'),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'User' })

const { userId: _userId, ...counters } = getTableColumns(orderCounters)

export interface CountedUser {
  readonly user: User
  readonly orders: { count: number; completed: number; spentCents: number; revision: number } | null
}

/** Reads users with their order counters; to be filtered, sorted and limited by the caller. */
export function selectUsers(db: Database, where?: SQL) {
  return db
    .select({ user: users, orders: counters })
    .from(users)
    .leftJoin(orderCounters, eq(orderCounters.userId, users.id))
    .where(where)
    .$dynamic()
}

export async function findUser(db: Database, id: string): Promise<CountedUser | undefined> {
  const [found] = await selectUsers(db, eq(users.id, id))
  return found
}

export function toView({ user, orders }: CountedUser): z.infer<typeof userView> {
  const { id, name, email, role, status, locale, version } = user
  const { count, completed, spentCents } = orders ?? emptyTally
  const createdAt = user.createdAt.toISOString()
  const updatedAt = user.updatedAt.toISOString()
  const view = { id, name, email, role, status, locale, version, createdAt, updatedAt }
  return { ...view, orders: { count, completed, spentCents } }
}

/**
 * The tag of what HTTP shows: the version, and after a dot how often the orders were counted, because counting changes
 * what is shown but not the user. For `If-Match` only the version matters: {@link requireVersion}.
 */
export function tagOf({ user, orders }: CountedUser): string {
  return orders ? `${user.version}.${orders.revision}` : `${user.version}`
}

/** @throws Rejection `precondition-failed` when the client has seen another version. */
export function requireVersion({ headers }: Parameters<typeof requireMatch>[0], version: number): void {
  const header = headers['if-match']
  if (header !== undefined)
    requireMatch({ headers: { 'if-match': header.replaceAll(/"(\d+)\.\d+"/g, '"$1"') } }, version)
}

/** What an event tells of a user. */
export function toEvent(user: User): Payload<typeof userUpdated> {
  const { id, version, name, email, role, status, locale } = user
  const createdAt = user.createdAt.toISOString()
  const updatedAt = user.updatedAt.toISOString()
  return { userId: id, version, name, email, role, status, locale, createdAt, updatedAt }
}
