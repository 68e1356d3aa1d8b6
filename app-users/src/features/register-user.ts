import { newId, optionalCallerOf, sendAnswer, type Route } from '@feira/chassis'
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { newUser } from '../domain/user.ts'
import { requireOwnPasswords } from '../tokens/issuer-mode.ts'
import { emailTaken, insertUser } from '../users/new-users.ts'
import { hashPassword, newPassword } from '../sign-in/passwords.ts'
import { requireStanding } from '../users/standing.ts'
import { requireMayGrant, userFields } from '../users/user-fields.ts'
import { toView, userView } from '../users/user-view.ts'

const registration = z
  .strictObject({
    name: userFields.name,
    email: userFields.email,
    password: newPassword.optional().describe('without one the user cannot sign in until an admin sets one'),
    locale: userFields.locale.optional().describe('pt-BR unless given'),
    role: userFields.role.optional().describe('only by an admin'),
    status: userFields.status.optional().describe('only by an admin'),
  })
  .meta({ examples: [{ name: 'Ana Souza', email: 'ana@example.com', password: 'correct horse battery' }] })

/** `POST /users` → `user.created`. */
export const registerUser: Route<Config> = (app, { config, db, transactOnce }) => {
  const schema = { summary: 'Register', tags: ['users'], body: registration, response: { 201: userView } }

  app.post('/users', { config: { access: 'public' }, schema }, async (request, reply) => {
    const { password, ...fields } = request.body
    const caller = optionalCallerOf(request)
    if (caller) await requireStanding(db, config, caller)
    requireMayGrant(caller, fields)
    if (password !== undefined) requireOwnPasswords(config)
    const passwordHash = password === undefined ? null : await hashPassword(password)
    // A fingerprint of the body is kept with the Idempotency-Key. Of the password itself it could be guessed from that.
    if (password !== undefined)
      request.body.password = createHmac('sha256', config.AUTH_KEY_SECRET).update(password).digest('base64')
    const user = newUser({ ...fields, id: newId(), passwordHash }, new Date())
    const answer = await transactOnce(request, async tx => {
      if (!(await insertUser(tx, user))) throw emailTaken()
      const headers = { location: `/users/${user.id}`, etag: `"${user.version}"` }
      return { status: 201, headers, body: toView({ user, orders: null }), subjectId: user.id }
    })
    return sendAnswer(reply, answer)
  })
}
