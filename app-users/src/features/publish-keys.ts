import type { Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { publishedKeys } from '../domain/signing-key.ts'
import { keySetPath, requireBuiltIn } from '../tokens/issuer-mode.ts'
import { policyOf, readKeys } from '../tokens/signing-keys.ts'

const jwk = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  alg: z.literal('ES256'),
  use: z.literal('sig'),
})

const keySet = z.object({ keys: z.array(jwk) }).meta({ id: 'KeySet' })

/** `GET /auth/jwks.json`: what access tokens are verified with (RFC 7517). */
export const publishKeys: Route<Config> = (app, { config, db }) => {
  const schema = { summary: 'Read the public keys of the tokens', tags: ['auth'], response: { 200: keySet } }
  // Whoever keeps the answer must have the next key before it signs.
  const seconds = Math.min(300, Math.floor(config.AUTH_KEY_NOTICE / 2_000))

  app.get(keySetPath, { config: { access: 'public' }, schema }, async (_request, reply) => {
    requireBuiltIn(config)
    const { keys, now } = await readKeys(db)
    const published = publishedKeys(keys, now, policyOf(config))
    reply.header('cache-control', `public, max-age=${seconds}`)
    return {
      keys: published.map(({ kid, publicKey }) => ({ ...publicKey, kid, alg: 'ES256' as const, use: 'sig' as const })),
    }
  })
}
