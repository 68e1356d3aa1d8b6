import { ConfigError, type Startup } from '@feira/chassis'
import { openKey } from '../tokens/access-tokens.ts'
import { developmentKeySecret, type Config } from '../config.ts'
import { isBuiltIn } from '../tokens/issuer-mode.ts'
import { readKeys, tendKeys } from '../tokens/signing-keys.ts'

/** At the start: there is a signing key, it can be opened, and in production not by everybody. */
export const prepareKeys: Startup<Config> = async ({ config, db, transact }) => {
  if (!isBuiltIn(config)) return
  if (config.NODE_ENV === 'production' && config.AUTH_KEY_SECRET === developmentKeySecret)
    throw refuse('is missing; its default is for development and refused with NODE_ENV=production')
  await transact(tx => tendKeys(tx, config))
  const { keys } = await readKeys(db)
  for (const key of keys) {
    await openKey(key, config.AUTH_KEY_SECRET).catch(() => {
      throw refuse(
        'does not open the signing keys in the database: give the secret they were made with, or delete the rows of signing_keys, whereupon everybody must refresh their tokens',
      )
    })
  }
}

function refuse(problem: string): ConfigError {
  return new ConfigError('app-users', new Map([['AUTH_KEY_SECRET', problem]]))
}
