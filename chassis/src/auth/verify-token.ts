import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import type { BaseConfig } from '../config.ts'
import { Rejection } from '../rejection.ts'
import type { Caller } from './caller.ts'
import { subjectId } from './subject-id.ts'
import { tokenRefusals } from './token-refusals.ts'

export type TokenRules = Pick<BaseConfig, 'AUTH_ISSUER' | 'AUTH_AUDIENCE' | 'AUTH_ROLES_CLAIM'>

export interface VerifiedToken {
  readonly caller: Caller
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** Asymmetric signatures alone: with HS* whoever can verify can also sign. */
const algorithms = 'ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA Ed25519'.split(' ')

/** Seconds by which the clocks of issuer and service may differ. */
const clockTolerance = 5

/**
 * Verifies an access token (RFC 7519, RFC 9068 §4) and reads its caller.
 * @throws Rejection 401 saying why it does not count; what `keys` throws.
 */
export async function verifyToken(token: string, keys: JWTVerifyGetKey, rules: TokenRules): Promise<VerifiedToken> {
  const options = { algorithms, clockTolerance, issuer: rules.AUTH_ISSUER, requiredClaims: ['exp', 'sub'] }
  const payload = await jwtVerify(token, keys, options).then(
    verified => verified.payload,
    (error: unknown) => {
      throw refusalOf(error)
    },
  )
  requireAudience(payload, rules.AUTH_AUDIENCE)
  requireAccessToken(payload)
  return { caller: callerFrom(payload, rules), expiresAt: (payload.exp as number) * 1_000 }
}

function refusalOf(error: unknown): Rejection {
  if (error instanceof Rejection) return error
  if (error instanceof errors.JWTExpired) return tokenRefusals.expired()
  if (error instanceof errors.JWTClaimValidationFailed)
    return tokenRefusals.invalid(claimFaults[error.claim] ?? malformed)
  if (error instanceof errors.JOSEError) return tokenRefusals.invalid(faults[error.code] ?? malformed)
  // A key that cannot be used, e.g. RSA with fewer than 2048 bits.
  return tokenRefusals.invalid('its key cannot be used')
}

const malformed = 'it is malformed'

const faults: Readonly<Record<string, string>> = {
  [errors.JOSEAlgNotAllowed.code]: 'its algorithm is not accepted',
  [errors.JWKSNoMatchingKey.code]: 'its key is not one of the issuer',
  [errors.JWKSMultipleMatchingKeys.code]: 'it does not say which key signed it',
  [errors.JWSSignatureVerificationFailed.code]: 'its signature is wrong',
}

const claimFaults: Readonly<Record<string, string>> = {
  iss: 'it is of another issuer',
  exp: 'it never expires',
  nbf: 'it is not valid yet',
  sub: 'it has no subject',
}

// Keycloak names the client that asked for the token in `azp`, and other services in `aud`.
function requireAudience({ aud, azp }: JWTPayload, accepted: readonly string[]): void {
  const named = [aud, azp].flat()
  if (!named.some(name => typeof name === 'string' && accepted.includes(name)))
    throw tokenRefusals.invalid('it is for another audience')
}

// Keycloak signs ID tokens with the same key and for the same audience; they tell who signed in, not what they may do.
function requireAccessToken({ typ }: JWTPayload): void {
  if (typ !== undefined && typ !== 'Bearer') throw tokenRefusals.invalid('it is not an access token')
}

function callerFrom(claims: JWTPayload, { AUTH_ISSUER, AUTH_ROLES_CLAIM }: TokenRules): Caller {
  const { sub } = claims
  if (typeof sub !== 'string' || sub.trim() === '') throw tokenRefusals.invalid('it has no subject')
  return {
    id: subjectId(AUTH_ISSUER, sub),
    roles: rolesIn(claims, AUTH_ROLES_CLAIM),
    email: textOf(claims['email']),
    name: textOf(claims['name']),
    sessionId: textOf(claims['sid']),
    claims,
  }
}

/** Reads an array of names, or names separated by spaces; `path` is a claim's name or leads into one by dots. */
function rolesIn(claims: JWTPayload, path: string): string[] {
  const value = Object.hasOwn(claims, path) ? claims[path] : follow(claims, path)
  if (typeof value === 'string') return value.split(' ').filter(name => name !== '')
  return Array.isArray(value) ? value.filter(name => typeof name === 'string') : []
}

function follow(claims: JWTPayload, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    return inside ? (value as Record<string, unknown>)[name] : undefined
  }, claims)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
