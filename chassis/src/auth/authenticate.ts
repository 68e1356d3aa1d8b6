import type { FastifyRequest } from 'fastify'
import type { JWTVerifyGetKey } from 'jose'
import { Rejection } from '../rejection.ts'
import type { Identity } from './caller.ts'
import { createTokenCache, type TokenCache } from './token-cache.ts'
import { tokenRefusals } from './token-refusals.ts'
import { verifyToken, type TokenRules } from './verify-token.ts'

/**
 * Finds out who signed a request; at once where its token was verified a moment ago. A token that does not count is the
 * answer, not an error; only a fault of ours rejects.
 */
export type Authenticate = (request: FastifyRequest) => Identity | Promise<Identity>

export interface AuthenticateOptions {
  readonly keys: JWTVerifyGetKey
  readonly rules: TokenRules
  readonly cache?: TokenCache
}

const maxLength = 8_192

/** Makes the {@link Authenticate} of a service. */
export function createAuthenticate({ keys, rules, cache = createTokenCache() }: AuthenticateOptions): Authenticate {
  async function verify(token: string, key: string): Promise<Identity> {
    const { version } = cache
    try {
      const verified = await verifyToken(token, keys, rules)
      // Verified with keys that were replaced meanwhile: it counts for this request, and is looked at again.
      if (cache.version === version) cache.set(key, verified)
      return verified.caller
    } catch (error) {
      if (error instanceof Rejection) return error
      throw error
    }
  }

  return ({ headers: { authorization }, raw }) => {
    if (authorization === undefined) return undefined
    const token = bearerToken(authorization)
    if (token === undefined) return tokenRefusals.invalid('Authorization must be Bearer and one token')
    if (isRepeated(raw.rawHeaders)) return tokenRefusals.invalid('Authorization was sent twice')
    const key = cache.keyOf(token)
    return cache.get(key) ?? verify(token, key)
  }
}

// RFC 6750 §2.1; the scheme's case does not count (RFC 9110 §11.1).
function bearerToken(authorization: string): string | undefined {
  if (authorization.length > maxLength) return undefined
  return /^bearer +([\w\-.~+/]+=*)$/i.exec(authorization)?.[1]
}

// Node keeps the first and drops the others, a proxy in front may have looked at the last.
function isRepeated(rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue
    if (seen) return true
    seen = true
  }
  return false
}
