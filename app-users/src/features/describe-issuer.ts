import type { Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { keySetPath, requireBuiltIn } from '../tokens/issuer-mode.ts'

const description = z
  .object({
    issuer: z.string(),
    jwks_uri: z.string(),
    response_types_supported: z.array(z.string()),
    subject_types_supported: z.array(z.string()),
    id_token_signing_alg_values_supported: z.array(z.string()),
    claims_supported: z.array(z.string()),
  })
  .meta({ id: 'IssuerDescription' })

/**
 * `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §3): enough to verify tokens by. There are no
 * redirects and no clients to register, so no endpoints for those; people sign in at `POST /auth/login`.
 */
export const describeIssuer: Route<Config> = (app, { config }) => {
  const schema = { summary: 'Read where the keys are', tags: ['auth'], response: { 200: description } }

  app.get('/.well-known/openid-configuration', { config: { access: 'public' }, schema }, async (_request, reply) => {
    requireBuiltIn(config)
    const { AUTH_ISSUER: issuer, AUTH_ROLES_CLAIM: rolesClaim } = config
    reply.header('cache-control', 'public, max-age=3600')
    return {
      issuer,
      jwks_uri: `${issuer.replace(/\/$/, '')}${keySetPath}`,
      response_types_supported: ['token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp', 'email', 'name', rolesClaim],
    }
  })
}
