import net from 'node:net'
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { eventually, startHttp } from '../http/server.testing.ts'
import type { App } from '../service.ts'
import {
  asUser,
  createSigningKey,
  signToken,
  startTestService,
  testKey,
  type SigningKey,
  type TestService,
} from '../testing/index.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { createAuthenticate } from './authenticate.ts'
import { callerOf } from './caller.ts'
import { Issuer } from './issuer.testing.ts'
import { createTokenCache } from './token-cache.ts'

const routes = (app: App) => {
  app.get('/me', { config: { access: ['user'] } }, async request => ({ id: callerOf(request).id }))
}
const service = notesService({ routes: [routes] })
const keys: JWTVerifyGetKey = createLocalJWKSet({ keys: [testKey.jwk] })
const rules = { AUTH_ISSUER: 'https://issuer.test', AUTH_AUDIENCE: ['feira'], AUTH_ROLES_CLAIM: 'roles' }

async function startIssuer(...keys: readonly SigningKey[]): Promise<Issuer> {
  const issuer = await Issuer.start(...keys)
  onTestFinished(() => issuer[Symbol.asyncDispose]())
  return issuer
}

const me = ({ http }: Pick<TestService, 'http'>, headers: Record<string, string>) =>
  http.inject({ url: '/me', headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('the header Authorization', () => {
  let notes: TestService
  const token = signToken()

  beforeAll(async () => {
    notes = await startTestService(service)
  })
  afterAll(() => notes[Symbol.asyncDispose]())

  test.each([`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`])('%.10s… counts', async authorization => {
    expect((await me(notes, { authorization })).statusCode).toBe(200)
  })

  test.each([
    ['another scheme', 'Basic YWRtaW46YWRtaW4='],
    ['no scheme', token],
    ['no token', 'Bearer'],
    ['an empty token', 'Bearer '],
    ['two tokens', `Bearer ${token} ${token}`],
    ['two tokens with a comma', `Bearer ${token}, Bearer ${token}`],
    ['quotation marks', `Bearer "${token}"`],
    ['far too much', `Bearer ${'a'.repeat(10_000)}`],
    ['nothing', ''],
  ])('with %s is refused', async (_, authorization) => {
    const answer = await me(notes, { authorization })
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject({ code: 'token-invalid' })
    expect(answer.headers['www-authenticate']).toMatch(
      /^Bearer realm="feira", error="invalid_token", error_description="[^"\\]+"$/,
    )
  })

  test('is refused when it is there twice, also with a token that counted before', async () => {
    expect((await me(notes, bearer(token))).statusCode).toBe(200)
    const socket = net.connect(Number(new URL(notes.url).port), '127.0.0.1')
    const header = `authorization: Bearer ${token}\r\n`
    socket.end(`GET /me HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${header}${header}\r\n`)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
    expect(answer).toContain('Authorization was sent twice')
  })
})

describe('a token that counted', () => {
  test('is not checked again for a while', async () => {
    const token = signToken()
    const cache = createTokenCache()
    let checks = 0
    const counted: typeof keys = (...asked) => {
      checks++
      return keys(...asked)
    }
    const authenticate = createAuthenticate({ keys: counted, rules, cache })
    const request = { headers: bearer(token), raw: { rawHeaders: [] } } as never
    const first = await authenticate(request)
    // Not even a turn of the event loop lies between the question and the answer.
    expect(authenticate(request)).toBe(first)
    expect(checks).toBe(1)
    cache.clear()
    expect(authenticate(request)).toBeInstanceOf(Promise)
  })

  test('is checked again when the keys changed during the check', async () => {
    const cache = createTokenCache()
    const changing: typeof keys = async (...asked) => {
      const key = await keys(...asked)
      cache.clear()
      return key
    }
    const authenticate = createAuthenticate({ keys: changing, rules, cache })
    const request = { headers: bearer(signToken()), raw: { rawHeaders: [] } } as never
    expect(await authenticate(request)).toMatchObject({ roles: ['user'] })
    expect(authenticate(request)).toBeInstanceOf(Promise)
  })

  test('counts no more once its key was replaced', async () => {
    const [old, next] = [createSigningKey(), createSigningKey()]
    const issuer = await startIssuer(old)
    await using notes = await startTestService(service, { AUTH_JWKS_URL: issuer.url })
    const token = signToken({}, { key: old })
    expect((await me(notes, bearer(token))).statusCode).toBe(200)
    issuer.keys = [next]
    // The new key makes the service look, and with that it learns that the old one is gone.
    expect((await me(notes, bearer(signToken({}, { key: next })))).statusCode).toBe(200)
    expect((await me(notes, bearer(token))).json()).toMatchObject({ status: 401, code: 'token-invalid' })
  })

  test('counts no more once it has expired', () => {
    const cache = createTokenCache()
    const caller = { id: 'a', roles: [], claims: {} }
    cache.set('past', { caller, expiresAt: Date.now() - 1 })
    cache.set('future', { caller, expiresAt: Date.now() + 60_000 })
    expect(cache.get('past')).toBeUndefined()
    expect(cache.get('future')).toBe(caller)
  })

  test('is forgotten after its time, however long it would still count', () => {
    const cache = createTokenCache({ keepFor: 0 })
    cache.set('it', { caller: { id: 'a', roles: [], claims: {} }, expiresAt: Date.now() + 60_000 })
    expect(cache.get('it')).toBeUndefined()
  })

  test('makes room for others when it was used longest ago', () => {
    const cache = createTokenCache({ size: 2 })
    const caller = { id: 'a', roles: [], claims: {} }
    const expiresAt = Date.now() + 60_000
    for (const key of ['one', 'two']) cache.set(key, { caller, expiresAt })
    cache.get('one')
    cache.set('three', { caller, expiresAt })
    expect(['one', 'two', 'three'].map(key => cache.get(key) !== undefined)).toEqual([true, false, true])
  })
})

describe('without the issuer', () => {
  test('a service that never saw its keys says so, and recovers', async () => {
    const issuer = await startIssuer(testKey)
    issuer.goAway()
    await using notes = await startTestService(service, { AUTH_JWKS_URL: issuer.url })
    const answer = await me(notes, asUser())
    expect(answer.statusCode).toBe(503)
    expect(answer.json()).toMatchObject({ code: 'issuer-unavailable' })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect((await me(notes, {})).statusCode).toBe(401)
    issuer.comeBack()
    await eventually(async () => (await me(notes, asUser())).statusCode === 200)
  })

  test('a service starts and verifies with the keys that it has kept', async () => {
    const issuer = await startIssuer(testKey)
    await using notes = await startTestService(service, { AUTH_JWKS_URL: issuer.url })
    expect((await me(notes, asUser())).statusCode).toBe(200)
    const keptRows = () => notes.resources.query({ text: 'select issuer from chassis.issuer_keys' })
    await eventually(async () => (await keptRows()).rowCount === 1)
    issuer.goAway()
    await using replica = await startReplica(service, notes.env)
    expect((await me(replica, asUser())).statusCode).toBe(200)
    expect((await me(replica, bearer('e30.e30.e30'))).statusCode).toBe(401)
  })
})

describe('what is told of a caller', () => {
  test('is their id in the log lines and the span of the request, and never their token', async () => {
    const failing = (app: App) =>
      app.get('/fail', { config: { access: ['user'] } }, async request => {
        request.log.info('working')
        throw new Error('it broke')
      })
    const authenticate = createAuthenticate({ keys, rules })
    const { app, lines, spans } = await startHttp([routes, failing], { authenticate })
    const { authorization } = asUser()
    const expired = signToken({}, { expiresIn: -60 })
    for (const url of ['/me', '/fail']) await app.inject({ url, headers: { authorization } })
    await app.inject({ url: '/me', headers: bearer(expired) })
    await eventually(() => lines.length >= 4 && spans.length >= 3)
    const userId = '0193a000-0000-7000-8000-000000000001'
    expect(lines.map(line => [line['msg'], line['userId']])).toEqual([
      ['GET /me 200', userId],
      ['working', userId],
      ['GET /fail 500', userId],
      ['GET /me 401', undefined],
    ])
    expect(spans.map(({ attributes }) => attributes['user.id'])).toEqual([userId, userId, undefined])
    const written = JSON.stringify([lines, spans.map(({ attributes, status }) => [attributes, status])])
    for (const token of [authorization.slice(7), expired]) {
      for (const part of token.split('.')) expect(written).not.toContain(part)
    }
  })
})
