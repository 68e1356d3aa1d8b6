import { every, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { isBuiltIn, requireBuiltIn } from '../tokens/issuer-mode.ts'
import { rotateKeys, tendKeys } from '../tokens/signing-keys.ts'

/** Replaces keys when their time has come, and forgets those whose tokens have all expired. */
export const tendSigningKeys = every<Config>('tend-signing-keys', '1m', async ({ config, transact }) => {
  if (isBuiltIn(config)) await transact(tx => tendKeys(tx, config))
})

const nextKey = z.object({ kid: z.string(), signsFrom: z.iso.datetime() }).meta({ id: 'NextKey' })

/** `POST /auth/keys/rotate`: the next key before its time; asked again before it signs, the same one. */
export const rotateSigningKeys: Route<Config> = (app, { config, transact, log }) => {
  const schema = { summary: 'Replace the signing key', tags: ['auth'], response: { 202: nextKey } }

  app.post(
    '/auth/keys/rotate',
    { config: { access: ['admin'], idempotent: false }, schema },
    async (_request, reply) => {
      requireBuiltIn(config)
      const { kid, signsFrom } = await transact(tx => rotateKeys(tx, config))
      log.info({ kid, signsFrom }, 'an admin asked for the next signing key')
      return reply.code(202).send({ kid, signsFrom: signsFrom.toISOString() })
    },
  )
}
