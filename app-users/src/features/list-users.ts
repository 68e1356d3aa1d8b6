import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, ilike, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { emailKey } from '../domain/email.ts'
import { users } from '../schema.ts'
import { userFields } from '../users/user-fields.ts'
import { selectUsers, toView, userView } from '../users/user-view.ts'

const querystring = z.strictObject({
  ...pageQuery,
  role: userFields.role.optional(),
  status: userFields.status.optional(),
  email: z.string().min(1).max(254).optional().describe('the whole address, case ignored'),
  search: z.string().trim().min(1).max(100).optional().describe('anywhere in name or e-mail address, case ignored'),
})

// Dates, because PostgreSQL has no year 0 and ISO 8601 does.
const cursorKey = z.tuple([z.iso.datetime().transform(text => new Date(text)), z.uuid()])

/** `GET /users`, newest first. */
export const listUsers: Route = (app, { db }) => {
  const schema = { summary: 'List users', tags: ['users'], querystring, response: { 200: pageOf(userView) } }

  app.get('/users', { config: { access: ['admin'] }, schema }, async request => {
    const { limit, cursor, role, status, email, search } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const where = and(
      before ? sql`(${users.createdAt}, ${users.id}) < (${before[0]}::timestamptz, ${before[1]}::uuid)` : undefined,
      role ? eq(users.role, role) : undefined,
      status ? eq(users.status, status) : undefined,
      email ? eq(sql`lower(${users.email})`, emailKey(email)) : undefined,
      search ? or(ilike(users.name, anywhere(search)), ilike(users.email, anywhere(search))) : undefined,
    )
    const rows = await selectUsers(db, where)
      .orderBy(desc(users.createdAt), desc(users.id))
      .limit(limit + 1)
    return page(rows.map(toView), limit, ({ createdAt, id }) => [createdAt, id])
  })
}

function anywhere(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}
