import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, isNull, lt } from 'drizzle-orm'
import { z } from 'zod'
import { everything } from '../projecting/evict.ts'
import { users } from '../schema.ts'

const userView = z
  .object({
    id: z.uuid(),
    name: z.string().nullable().describe('null once the person was erased'),
    email: z.string().nullable(),
    role: z.enum(['user', 'admin', 'partner']).nullable(),
    status: z.enum(['active', 'blocked']).nullable(),
    locale: z.enum(['pt-BR', 'en']).nullable(),
    version: z.int(),
    createdAt: z.iso.datetime().nullable(),
    updatedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'User' })

const querystring = z.strictObject(pageQuery)

const cursorKey = z.tuple([z.uuid()])

/** `GET /q/users`, newest first by their ids, from the cache. */
export const listUsers: Route = (app, { db, cache }) => {
  const schema = { summary: 'List users', tags: ['users'], querystring, response: { 200: pageOf(userView) } }

  app.get('/q/users', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { limit, cursor } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const key = `users?${JSON.stringify({ limit, before })}`
    return cache.serve(reply, { key, tags: [everything, 'users'] }, async () => {
      const rows = await db
        .select()
        .from(users)
        .where(and(isNull(users.deletedAt), before ? lt(users.id, before[0]) : undefined))
        .orderBy(desc(users.id))
        .limit(limit + 1)
      return page(rows.map(toView), limit, ({ id }) => [id])
    })
  })
}

function toView(row: typeof users.$inferSelect): z.infer<typeof userView> {
  const { id, name, email, role, status, locale, version, createdAt, updatedAt } = row
  const times = { createdAt: createdAt?.toISOString() ?? null, updatedAt: updatedAt?.toISOString() ?? null }
  return { id, name, email, role, status, locale, version, ...times }
}
