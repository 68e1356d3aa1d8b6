import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'

/** What `startTestService` tells a service to expect in tokens. */
export const testIssuer = 'https://issuer.test'
export const testAudience = 'feira'

/** A key pair as an issuer has it. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** As in a key set. */
  readonly jwk: JWK
}

let keys = 0

/** A new key pair for ES256. */
export function createSigningKey(kid = `test-${++keys}`): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, alg: 'ES256', use: 'sig' }
  return { kid, alg: 'ES256', privateKey, publicKey, jwk }
}

/** The key of this process that services started by `startTestService` trust. */
export const testKey = createSigningKey()

const trusted: JWK[] = [testKey.jwk]

/** Adds public keys to those that services started by `startTestService` trust, e.g. of a service that issues tokens itself. */
export function trustKeys(...more: readonly JWK[]): void {
  trusted.push(...more)
}

let serving: Promise<string> | undefined

/** The URL of the key set with {@link testKey}, served by this process until it ends. */
export function testKeySetUrl(): Promise<string> {
  return (serving ??= serve())
}

function serve(): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys: trusted }))
  })
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/auth/jwks.json`),
    )
    server.unref()
  })
}

export type Claims = Readonly<Record<string, unknown>>

export interface SignOptions {
  /** Default: {@link testKey}. */
  readonly key?: SigningKey
  /** What the header says; `none` leaves the signature away, `HS256` signs with the public key as the secret. */
  readonly alg?: string
  /** Seconds from now, also negative; default an hour. */
  readonly expiresIn?: number
  /** More fields of the header, e.g. another `kid`. */
  readonly header?: Claims
}

/** Signs any claims; `iss`, `aud`, `sub`, `roles`, `iat` and `exp` are there unless given. `undefined` leaves one away. */
export function signToken(claims: Claims = {}, options: SignOptions = {}): string {
  const { key = testKey, alg = key.alg, expiresIn = 3_600, header = {} } = options
  const now = Math.floor(Date.now() / 1_000)
  const payload = { ...defaultClaims, iat: now, exp: now + expiresIn, ...claims }
  const text = `${encode({ alg, kid: key.kid, typ: 'JWT', ...header })}.${encode(payload)}`
  return `${text}.${signature(text, alg, key)}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function signature(text: string, alg: string, { privateKey, publicKey }: SigningKey): string {
  if (alg === 'none') return ''
  if (alg === 'HS256') {
    const secret = publicKey.export({ format: 'pem', type: 'spki' })
    return createHmac('sha256', secret).update(text).digest('base64url')
  }
  return sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

const people = {
  user: '0193a000-0000-7000-8000-000000000001',
  admin: '0193a000-0000-7000-8000-000000000002',
  partner: '0193a000-0000-7000-8000-000000000003',
}
const defaultClaims = { iss: testIssuer, aud: testAudience, sub: people.user, roles: ['user'] }

/** The headers of a request. */
export type BearerHeaders = { readonly authorization: string }

/** Headers with a token of these claims; see {@link signToken}. */
export function asCaller(claims: Claims, options?: SignOptions): BearerHeaders {
  return { authorization: `Bearer ${signToken(claims, options)}` }
}

/** Headers of a user; without an id always the same one. `claims` adds e.g. `email`, `name` and `sid`. */
export function asUser(id: string = people.user, claims: Claims = {}): BearerHeaders {
  return asCaller({ sub: id, roles: ['user'], ...claims })
}

/** Headers of an admin; without an id always the same one. */
export function asAdmin(id: string = people.admin, claims: Claims = {}): BearerHeaders {
  return asCaller({ sub: id, roles: ['admin'], ...claims })
}

/** Headers of a partner; without an id always the same one. */
export function asPartner(id: string = people.partner, claims: Claims = {}): BearerHeaders {
  return asCaller({ sub: id, roles: ['partner'], ...claims })
}
