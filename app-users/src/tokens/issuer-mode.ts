import { Rejection, type Resources } from '@feira/chassis'

type Settings = Pick<Resources['config'], 'AUTH_ISSUER' | 'AUTH_JWKS_URL'>

/** Where this service publishes its keys; a key set anywhere else belongs to another issuer. */
export const keySetPath = '/auth/jwks.json'

/** Whether this service issues the tokens, or only keeps the users of another issuer, such as Keycloak. */
export function isBuiltIn({ AUTH_JWKS_URL }: Pick<Settings, 'AUTH_JWKS_URL'>): boolean {
  return new URL(AUTH_JWKS_URL).pathname.endsWith(keySetPath)
}

/** @throws Rejection 404 naming the issuer, where another one signs people in. */
export function requireBuiltIn(config: Settings): void {
  if (isBuiltIn(config)) return
  throw new Rejection('foreign-issuer', 404, `Tokens are issued by ${config.AUTH_ISSUER}; sign in there.`)
}

/** @throws Rejection 409 naming the issuer, where a password set here would open nothing. */
export function requireOwnPasswords(config: Settings): void {
  if (isBuiltIn(config)) return
  throw new Rejection('foreign-issuer', 409, `Passwords are kept by ${config.AUTH_ISSUER}; set them there.`, {
    fields: [{ in: 'body', field: 'password', message: 'is kept by another issuer' }],
  })
}
