import type { Route } from '@feira/chassis'
import { count, gte, sql } from 'drizzle-orm'
import { z } from 'zod'
import { roles, statuses } from '../domain/user.ts'
import { orderCounters, users } from '../schema.ts'

const days = 30

const stats = z
  .object({
    total: z.int(),
    byRole: z.object({ user: z.int(), admin: z.int(), partner: z.int() }),
    byStatus: z.object({ active: z.int(), blocked: z.int() }),
    registrations: z
      .array(z.object({ day: z.iso.date(), count: z.int() }))
      .describe(`per day (UTC) in the last ${days} days, oldest first; days without any are left out`),
    orders: z
      .object({ count: z.int(), completed: z.int(), spentCents: z.int() })
      .describe('of all users, also of those who were deleted'),
  })
  .meta({ id: 'UserStats' })

/** `GET /users/stats` */
export const getUserStats: Route = (app, { db }) => {
  const schema = { summary: 'Count users', tags: ['users'], response: { 200: stats } }

  app.get('/users/stats', { config: { access: ['admin'] }, schema }, async () => {
    const [groups, registrations, [orders]] = await Promise.all([countUsers(), countRegistrations(), sumOrders()])
    const sum = (fits: (group: (typeof groups)[number]) => boolean) =>
      groups.filter(fits).reduce((total, group) => total + group.count, 0)
    return {
      total: sum(() => true),
      byRole: countsOf(roles, role => sum(group => group.role === role)),
      byStatus: countsOf(statuses, status => sum(group => group.status === status)),
      registrations,
      orders: orders ?? { count: 0, completed: 0, spentCents: 0 },
    }
  })

  const countUsers = () =>
    db.select({ role: users.role, status: users.status, count: count() }).from(users).groupBy(users.role, users.status)

  const countRegistrations = () => {
    const day = sql<string>`to_char(${users.createdAt} at time zone 'UTC', 'YYYY-MM-DD')`
    const since = sql`date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - make_interval(days => ${days - 1})`
    return db
      .select({ day, count: count() })
      .from(users)
      .where(gte(users.createdAt, since))
      .groupBy(sql`1`)
      .orderBy(sql`1`)
  }

  const sumOrders = () => {
    const sum = (column: string) => sql`coalesce(sum(${sql.identifier(column)}), 0)`.mapWith(Number)
    return db
      .select({ count: sum('count'), completed: sum('completed'), spentCents: sum('spent_cents') })
      .from(orderCounters)
  }
}

function countsOf<Name extends string>(names: readonly Name[], countOf: (name: Name) => number): Record<Name, number> {
  return Object.fromEntries(names.map(name => [name, countOf(name)])) as Record<Name, number>
}
