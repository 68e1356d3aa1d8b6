import { callerOf, isUniqueViolation, mayAccess, rejections, type Route, type Transaction } from '@feira/chassis'
import { userUpdated } from '@feira/contracts/users'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { lockAdmins, requireAdminLeft } from '../users/last-admin.ts'
import type { Config } from '../config.ts'
import { addressKey } from '../domain/login-limit.ts'
import { changed, endsSessions, roles, type User } from '../domain/user.ts'
import { emailTaken } from '../users/new-users.ts'
import { changePassword } from '../sign-in/password-change.ts'
import { newPassword, triedPassword } from '../sign-in/passwords.ts'
import { users } from '../schema.ts'
import { revokeSessions } from '../sign-in/sessions.ts'
import { requireMayGrant, userFields } from '../users/user-fields.ts'
import { findUser, requireVersion, tagOf, toEvent, toView, userView, type CountedUser } from '../users/user-view.ts'

const params = z.object({ id: z.uuid() })
const body = z
  .strictObject({
    ...userFields,
    password: newPassword.describe('ends all sessions of the user'),
    currentPassword: triedPassword.describe('needed to change one’s own password'),
  })
  .partial()
  .refine(namesSomething, 'must name something to change')
  .meta({ examples: [{ name: 'Ana Maria Souza', locale: 'en' }] })

/** `PUT` and `PATCH /users/:id`, which are the same: what is not named stays → `user.updated`. */
export const updateUser: Route<Config> = (app, resources) => {
  const schema = { summary: 'Change a user', tags: ['users'], params, body, response: { 200: userView } }
  const options = { config: { access: roles, conditional: true }, schema }

  app.route({
    method: ['PUT', 'PATCH'],
    url: '/users/:id',
    ...options,
    handler: async (request, reply) => {
      const caller = callerOf(request)
      const id = request.params.id.toLowerCase()
      if (!mayAccess(caller, id)) throw rejections.notFound('user', id)
      const { password, currentPassword, ...fields } = request.body
      requireMayGrant(caller, fields)
      const attempt = { id, password, currentPassword, address: addressKey(request.ip), own: caller.id === id }
      const passwordChange =
        password === undefined ? undefined : await changePassword(resources, { ...attempt, password })
      const updated = await resources.transact(async tx => {
        if (fields.role !== undefined || fields.status !== undefined) await lockAdmins(tx)
        const [user] = await tx.db.select().from(users).where(eq(users.id, id)).for('update')
        if (!user) throw rejections.notFound('user', id)
        requireVersion(request, user.version)
        const passwordHash = await passwordChange?.(tx, user)
        return store(tx, user, changed(user, { ...fields, passwordHash }, new Date()))
      })
      reply.header('etag', `"${tagOf(updated)}"`)
      return toView(updated)
    },
  })
}

function namesSomething({ currentPassword: _proof, ...fields }: Readonly<Record<string, unknown>>): boolean {
  return Object.values(fields).some(value => value !== undefined)
}

async function store(tx: Transaction, before: User, after: User): Promise<CountedUser> {
  if (after !== before) {
    await requireAdminLeft(tx, before, after)
    await tx.db
      .update(users)
      .set(after)
      .where(eq(users.id, after.id))
      .catch((error: unknown) => {
        throw isUniqueViolation(error) ? emailTaken() : error
      })
    if (endsSessions(before, after)) await revokeSessions(tx, after.id)
    tx.publish(userUpdated, toEvent(after))
  }
  return (await findUser(tx.db, after.id)) as CountedUser
}
