import { rejections, type Route, type Transaction } from '@feira/chassis'
import { userDeleted } from '@feira/contracts/users'
import { eq, inArray } from 'drizzle-orm'
import { z } from 'zod'
import { lockAdmins, requireAdminLeft } from '../users/last-admin.ts'
import type { User } from '../domain/user.ts'
import { accountKey } from '../sign-in/login-attempts.ts'
import { loginFailures, users, userTombstones } from '../schema.ts'
import { requireVersion } from '../users/user-view.ts'

/** `DELETE /users/:id` → `user.deleted`, upon which everybody erases the person. */
export const deleteUser: Route = (app, { transact }) => {
  const params = z.object({ id: z.uuid() })
  const response = { 204: z.void().describe('The user is gone; what else is known of the person follows.') }
  const schema = { summary: 'Delete a user', tags: ['users'], params, response }

  app.delete('/users/:id', { config: { access: ['admin'], conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    await transact(async tx => {
      await lockAdmins(tx)
      const [user] = await tx.db.select().from(users).where(eq(users.id, id)).for('update')
      if (!user) throw rejections.notFound('user', id)
      requireVersion(request, user.version)
      await requireAdminLeft(tx, user, undefined)
      await remove(tx, user)
    })
    return reply.code(204).send()
  })
}

// Sessions and their tokens go with the row.
async function remove(tx: Transaction, { id, email, loginName, version }: User): Promise<void> {
  const deletedAt = new Date()
  const accounts = [id, accountKey(undefined, email), accountKey(undefined, loginName ?? email)]
  await tx.db.delete(users).where(eq(users.id, id))
  await tx.db.insert(userTombstones).values({ id, version: version + 1, email, deletedAt })
  await tx.db.delete(loginFailures).where(inArray(loginFailures.account, accounts))
  tx.publish(userDeleted, { userId: id, version: version + 1, deletedAt: deletedAt.toISOString() })
}
