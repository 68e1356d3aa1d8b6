import { Rejection, type Transaction } from '@feira/chassis'
import { and, eq, ne, sql } from 'drizzle-orm'
import { losesAdmin, type User } from '../domain/user.ts'
import { users } from '../schema.ts'

/** Who may be an admin is decided by one transaction at a time: two admins could otherwise remove each other. */
export async function lockAdmins({ db }: Transaction): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(hashtextextended('feira.users.admins', 0))`)
}

/** To be called under {@link lockAdmins}. @throws Rejection 409 when no active admin would be left. */
export async function requireAdminLeft({ db }: Transaction, before: User, after: User | undefined): Promise<void> {
  if (!losesAdmin(before, after)) return
  const others = await db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), eq(users.status, 'active'), ne(users.id, before.id)))
    .limit(1)
  if (others.length === 0)
    throw new Rejection('last-admin', 409, 'This is the last active admin; make another one first.')
}
