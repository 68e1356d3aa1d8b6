import { callerOf, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { roles } from '../domain/user.ts'
import { requireBuiltIn } from '../tokens/issuer-mode.ts'
import { revokeSession } from '../sign-in/sessions.ts'

/** `POST /auth/logout`: ends the session of the access token; the token itself counts until it expires. */
export const logOut: Route<Config> = (app, { config, transact }) => {
  const schema = { summary: 'Sign out', tags: ['auth'], response: { 204: z.void().describe('The session is over.') } }

  app.post('/auth/logout', { config: { access: roles }, schema }, async (request, reply) => {
    requireBuiltIn(config)
    const { id, sessionId } = callerOf(request)
    if (z.uuid().safeParse(sessionId).success) await transact(tx => revokeSession(tx, sessionId as string, id))
    return reply.code(204).send()
  })
}
