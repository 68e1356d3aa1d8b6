import { Rejection, type Route } from '@feira/chassis'
import { z } from 'zod'
import { createIssueTokens, tokenAnswer } from '../tokens/access-tokens.ts'
import type { Config } from '../config.ts'
import { requireBuiltIn } from '../tokens/issuer-mode.ts'
import { rotateToken } from '../sign-in/sessions.ts'

const body = z
  .strictObject({ refresh_token: z.string().min(1).max(512).describe('of the last answer; counts once') })
  .meta({ examples: [{ refresh_token: 'rt_…' }] })

/** `POST /auth/refresh` */
export const refreshTokens: Route<Config> = (app, resources) => {
  const { config, transact, log } = resources
  const issueTokens = createIssueTokens(resources)
  const schema = {
    summary: 'Trade a refresh token for new tokens',
    tags: ['auth'],
    body,
    response: { 200: tokenAnswer },
  }

  app.post('/auth/refresh', { config: { access: 'public' }, schema }, async (request, reply) => {
    requireBuiltIn(config)
    const refreshed = await transact(async tx => {
      const outcome = await rotateToken(tx, request.body.refresh_token, config)
      return typeof outcome === 'string' ? outcome : issueTokens(tx, outcome)
    })
    if (refreshed === 'reused') log.warn('a spent refresh token was used again; its session is revoked')
    if (typeof refreshed === 'string') throw refusals[refreshed]()
    return reply.header('cache-control', 'no-store').send(refreshed)
  })
}

const headers = { 'www-authenticate': 'Bearer realm="feira"' }
const refusals = {
  invalid: () =>
    new Rejection('refresh-token-invalid', 401, 'The refresh token does not count; sign in again.', { headers }),
  reused: () =>
    new Rejection(
      'refresh-token-reused',
      401,
      'The refresh token was used before; its session is over, sign in again.',
      {
        headers,
      },
    ),
}
