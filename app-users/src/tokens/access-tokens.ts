import type { Resources, Transaction } from '@feira/chassis'
import { randomUUID } from 'node:crypto'
import { importJWK, SignJWT, type CryptoKey, type JWK } from 'jose'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { signingKey } from '../domain/signing-key.ts'
import type { User } from '../domain/user.ts'
import { unseal } from './key-vault.ts'
import { readKeys, type StoredKey } from './signing-keys.ts'

/** What a sign-in is answered with; the names are those of OAuth 2.0 (RFC 6749 §5.1). */
export const tokenAnswer = z
  .object({
    access_token: z.string(),
    refresh_token: z.string().describe('good for one use: POST /auth/refresh'),
    token_type: z.literal('Bearer'),
    expires_in: z.int().describe('seconds until the access token expires'),
  })
  .meta({ id: 'Tokens' })

export interface SignIn {
  readonly user: User
  readonly sessionId: string
  readonly refreshToken: string
}

/**
 * Makes the answer to a sign-in: an access token (RFC 9068), signed with the key whose turn it is. In the transaction of
 * the sign-in: when there can be no answer, a refresh token must not have been spent for it.
 */
export type IssueTokens = (tx: Transaction, signIn: SignIn) => Promise<z.infer<typeof tokenAnswer>>

/** Makes the {@link IssueTokens} of a service. */
export function createIssueTokens({ config }: Pick<Resources<Config>, 'config'>): IssueTokens {
  const opened = new Map<string, Promise<CryptoKey>>()
  const open = (key: StoredKey) => {
    const known = opened.get(key.kid) ?? openKey(key, config.AUTH_KEY_SECRET)
    opened.set(key.kid, known)
    return known
  }
  return async (tx, { user, sessionId, refreshToken }) => {
    const { keys, now } = await readKeys(tx.db)
    const key = signingKey(keys, now)
    if (!key) throw new Error('There is no signing key.')
    const claims = { sid: sessionId, [config.AUTH_ROLES_CLAIM]: [user.role], email: user.email, name: user.name }
    const issuedAt = Math.floor(Date.now() / 1_000)
    const expiresIn = Math.floor(config.ACCESS_TOKEN_LIFETIME / 1_000)
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
      .setIssuer(config.AUTH_ISSUER)
      .setAudience(config.AUTH_AUDIENCE[0] as string)
      .setSubject(user.id)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + expiresIn)
      .sign(await open(key))
    return { access_token: token, refresh_token: refreshToken, token_type: 'Bearer', expires_in: expiresIn }
  }
}

/** @throws when the key was encrypted with another secret. */
export async function openKey({ kid, privateKey }: StoredKey, secret: string): Promise<CryptoKey> {
  const jwk = JSON.parse(unseal(privateKey, secret, kid)) as JWK
  return (await importJWK(jwk, 'ES256')) as CryptoKey
}
