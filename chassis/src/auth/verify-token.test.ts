import { createHmac } from 'node:crypto'
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { newId } from '../ids.ts'
import { createSigningKey, signToken, testKey, type Claims, type SignOptions } from '../testing/index.ts'
import { subjectId } from './subject-id.ts'
import { verifyToken, type TokenRules } from './verify-token.ts'

const rules: TokenRules = {
  AUTH_ISSUER: 'https://issuer.test',
  AUTH_AUDIENCE: ['feira', 'shop'],
  AUTH_ROLES_CLAIM: 'roles',
}
const keys = createLocalJWKSet({ keys: [testKey.jwk] })
const verify = (token: string, more: Partial<TokenRules> = {}) => verifyToken(token, keys, { ...rules, ...more })
const callerOf = async (claims: Claims, more?: Partial<TokenRules>) => (await verify(signToken(claims), more)).caller
const seconds = (from: number) => Math.floor(Date.now() / 1_000) + from

describe('a token that counts', () => {
  test('names its caller and when it ends', async () => {
    const id = newId()
    const exp = seconds(100)
    const claims = { sub: id, roles: ['user', 'admin'], email: 'ana@example.com', name: 'Ana', sid: 's1', exp }
    const { caller, expiresAt } = await verify(signToken(claims))
    expect(caller).toMatchObject({
      id,
      roles: ['user', 'admin'],
      email: 'ana@example.com',
      name: 'Ana',
      sessionId: 's1',
    })
    expect(caller.claims).toMatchObject(claims)
    expect(expiresAt).toBe(exp * 1_000)
  })

  test('may lack everything but issuer, audience, subject and end', async () => {
    const bare = await callerOf({ roles: undefined, iat: undefined, email: 7, name: null, sid: {} })
    expect(bare).toMatchObject({ roles: [], email: undefined, name: undefined, sessionId: undefined })
  })

  test.each<[string, () => Claims]>([
    ['one audience of several', () => ({ aud: ['other', 'shop'] })],
    ['the client that asked for it, as Keycloak says', () => ({ aud: 'account', azp: 'feira', typ: 'Bearer' })],
    ['a clock 4 s ahead', () => ({ nbf: seconds(4) })],
    ['a clock 3 s behind', () => ({ exp: seconds(-3) })],
  ])('may have %s', async (_, claims) => {
    expect(await callerOf(claims())).toMatchObject({ roles: ['user'] })
  })

  test.each(['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512', 'EdDSA', 'Ed25519'])(
    'may be signed with %s',
    async alg => {
      const { publicKey, privateKey } = await generateKeyPair(alg)
      const jwk = { ...(await exportJWK(publicKey)), kid: 'it' }
      const { iss, aud, sub, exp } = { iss: rules.AUTH_ISSUER, aud: 'feira', sub: newId(), exp: seconds(60) }
      const token = await new SignJWT({ iss, aud, sub, exp }).setProtectedHeader({ alg, kid: 'it' }).sign(privateKey)
      const { caller } = await verifyToken(token, createLocalJWKSet({ keys: [jwk] }), rules)
      expect(caller.id).toBe(sub)
    },
  )
})

describe('a token that does not count', () => {
  const stranger = createSigningKey()

  test.each<[string, Claims, SignOptions, string]>([
    ['ended', {}, { expiresIn: -6 }, 'The access token has expired; sign in again.'],
    ['never ends', { exp: undefined }, {}, 'it never expires'],
    ['ends at a word', { exp: 'never' }, {}, 'it never expires'],
    ['begins later', { nbf: seconds(60) }, {}, 'it is not valid yet'],
    ['is of another issuer', { iss: 'https://issuer.test/' }, {}, 'it is of another issuer'],
    ['is of several issuers', { iss: [rules.AUTH_ISSUER] }, {}, 'it is of another issuer'],
    ['is of no issuer', { iss: undefined }, {}, 'it is of another issuer'],
    ['is for another audience', { aud: 'other', azp: 'other' }, {}, 'it is for another audience'],
    ['is for nobody', { aud: undefined }, {}, 'it is for another audience'],
    ['is an ID token of Keycloak', { typ: 'ID' }, {}, 'it is not an access token'],
    ['speaks of nobody', { sub: undefined }, {}, 'it has no subject'],
    ['speaks of nothing', { sub: ' ' }, {}, 'it has no subject'],
    ['speaks of a number', { sub: 42 }, {}, 'it has no subject'],
    ['is not signed', {}, { alg: 'none' }, 'its algorithm is not accepted'],
    ['is signed with the public key', {}, { alg: 'HS256' }, 'its algorithm is not accepted'],
    ['is signed by a stranger', {}, { key: stranger }, 'its key is not one of the issuer'],
    ['is signed by a stranger in our name', {}, { key: stranger, header: { kid: testKey.kid } }, 'its signature is wrong'], // prettier-ignore
    ['brings its own key', {}, { key: stranger, header: { jwk: stranger.jwk } }, 'its key is not one of the issuer'],
    ['says another algorithm than its key', {}, { header: { alg: 'ES384' } }, 'its key is not one of the issuer'],
    ['asks for something unknown', {}, { header: { crit: ['b64'], b64: false } }, ''],
  ])('%s', async (_, claims, options, why) => {
    const refused = verify(signToken(claims, options))
    await expect(refused).rejects.toMatchObject({ status: 401, code: expect.stringMatching(/^token-/) as string })
    await expect(refused).rejects.toThrow(why)
  })

  test('was changed', async () => {
    const [header = '', payload = '', signature = ''] = signToken({ roles: ['user'] }).split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const better = Buffer.from(JSON.stringify({ ...claims, roles: ['admin'] })).toString('base64url')
    await expect(verify(`${header}.${better}.${signature}`)).rejects.toThrow('its signature is wrong')
    await expect(verify(`${header}.${payload}.`)).rejects.toThrow('its signature is wrong')
  })

  test.each(['x', '..', 'a.b.c', 'e30.e30.e30', `${'a'.repeat(8_000)}.b.c`])('is garbage: %.20s', async token => {
    await expect(verify(token)).rejects.toMatchObject({ status: 401, code: 'token-invalid' })
  })

  test('is signed with a symmetric key that the issuer published', async () => {
    const secret = 'a'.repeat(43)
    const shared = createLocalJWKSet({ keys: [{ kty: 'oct', kid: 's', k: secret, alg: 'HS256' }] })
    const [, payload] = signToken().split('.')
    const text = `${Buffer.from('{"alg":"HS256","kid":"s"}').toString('base64url')}.${payload}`
    const token = `${text}.${createHmac('sha256', Buffer.from(secret, 'base64url')).update(text).digest('base64url')}`
    await expect(verifyToken(token, shared, rules)).rejects.toThrow('its algorithm is not accepted')
  })

  test('does not say which of two keys signed it', async () => {
    const two = createLocalJWKSet({ keys: [testKey.jwk, stranger.jwk] })
    const token = signToken({}, { header: { kid: undefined } })
    await expect(verifyToken(token, two, rules)).rejects.toThrow('it does not say which key signed it')
    expect((await verify(token)).caller.roles).toEqual(['user'])
  })
})

describe('roles', () => {
  test.each<[string, Claims, string[]]>([
    ['roles', { roles: ['user', 7, null, 'admin'] }, ['user', 'admin']],
    ['roles', { roles: 'user admin' }, ['user', 'admin']],
    ['roles', { roles: { user: true } }, []],
    ['realm_access.roles', { realm_access: { roles: ['admin'] } }, ['admin']],
    ['realm_access.roles', { realm_access: null }, []],
    ['https://feira.test/roles', { 'https://feira.test/roles': ['admin'] }, ['admin']],
    ['a.b', { 'a.b': ['user'], a: { b: ['admin'] } }, ['user']],
    ['constructor.name', {}, []],
  ])('of the claim %s in %j are %j', async (path, claims, expected) => {
    expect((await callerOf(claims, { AUTH_ROLES_CLAIM: path })).roles).toEqual(expected)
  })
})

describe('the id of a subject', () => {
  test('is the subject itself where that is a UUID, in lower case', async () => {
    const id = newId()
    expect(subjectId('https://issuer.test', id.toUpperCase())).toBe(id)
    expect((await callerOf({ sub: id.toUpperCase() })).id).toBe(id)
  })

  test('is a UUID of its own for anything else, always the same, and another one at another issuer', async () => {
    const id = subjectId('https://issuer.test', 'auth0|42')
    expect(id).toBe('6d9e8b8c-9d95-5376-98ba-49cedef9a6c6')
    expect((await callerOf({ sub: 'auth0|42' })).id).toBe(id)
    expect(subjectId('https://issuer.test', 'auth0|43')).not.toBe(id)
    expect(subjectId('https://other.test', 'auth0|42')).not.toBe(id)
  })

  test('is no UUID that PostgreSQL or a contract would refuse', () => {
    const almost = '11111111-1111-1111-1111-111111111111'
    expect(subjectId('https://issuer.test', almost)).not.toBe(almost)
  })
})
