import { newId } from '@feira/chassis'
import { asCaller, asUser, testIssuer, type TestService } from '@feira/chassis/testing'
import { userCreated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newEmail, startTestIssuer, startUnderForeignIssuer, type TestIssuer } from '../testing/issuer.ts'

type Headers = Record<string, string>
const me = (http: TestService['http'], headers: Headers) => http.inject({ url: '/auth/me', headers })

describe('with tokens of its own', () => {
  let users: TestIssuer
  beforeAll(async () => {
    users = await startTestIssuer()
  })
  afterAll(() => users[Symbol.asyncDispose]())

  test('shows the caller’s own user, with its version as ETag', async () => {
    const person = await users.register({ name: 'Ana', locale: 'en' })
    const answer = await me(users.http, person.headers)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers.etag).toBe('"1"')
    expect(answer.json()).toEqual({
      id: person.id,
      name: 'Ana',
      email: person.email,
      role: 'user',
      status: 'active',
      locale: 'en',
      orders: { count: 0, completed: 0, spentCents: 0 },
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect((await me(users.http, { ...person.headers, 'if-none-match': '"1"' })).statusCode).toBe(304)
  })

  test('a token outlives its user by nothing', async () => {
    const [blocked, deleted] = [await users.register(), await users.register()]
    const change = { method: 'PATCH', url: `/users/${blocked.id}`, headers: users.admin } as const
    await users.http.inject({ ...change, payload: { status: 'blocked' } })
    await users.http.inject({ method: 'DELETE', url: `/users/${deleted.id}`, headers: users.admin })
    expect((await me(users.http, blocked.headers)).json()).toMatchObject({ status: 403, code: 'account-blocked' })
    expect((await me(users.http, deleted.headers)).json()).toMatchObject({ status: 403, code: 'account-deleted' })
  })
})

describe('with another issuer', () => {
  let users: TestService
  beforeAll(async () => {
    users = await startUnderForeignIssuer()
  })
  afterAll(() => users[Symbol.asyncDispose]())

  const eventsOf = async (id: string) => (await users.published(userCreated)).filter(({ userId }) => userId === id)

  test('the first visit makes the user from the claims, however often it comes at once', async () => {
    const [id, email] = [newId(), newEmail()]
    const headers = asUser(id, { email: ` ${email} `, name: 'Ana Souza' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => me(users.http, headers)))
    expect(new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body}`)).size).toBe(1)
    expect(answers[0]?.json()).toMatchObject({ id, email, name: 'Ana Souza', role: 'user', version: 1 })
    expect(await eventsOf(id)).toMatchObject([{ email, name: 'Ana Souza', version: 1 }])
  })

  test.each([
    [['admin', 'user', 'offline_access'], 'admin'],
    [['partner', 'user'], 'partner'],
    [['user'], 'user'],
  ])('of the roles %j it keeps %s', async (roles, role) => {
    const answer = await me(users.http, asCaller({ sub: newId(), roles, email: newEmail() }))
    expect(answer.json()).toMatchObject({ role })
  })

  test('a subject that is no UUID becomes one, always the same', async () => {
    const headers = asCaller({ sub: 'auth0|42', roles: ['user'], email: newEmail() })
    const first = (await me(users.http, headers)).json()
    expect(first.id).toMatch(/^[\da-f]{8}-/)
    expect((await me(users.http, headers)).json()).toEqual(first)
  })

  test('whoever has no name is called by preferred_username, or by the address', async () => {
    const email = newEmail()
    const named = asUser(newId(), { email, preferred_username: 'ana' })
    expect((await me(users.http, named)).json().name).toBe('ana')
    const unnamed = asUser(newId(), { email: `x${email}`, name: '\r\n' })
    expect((await me(users.http, unnamed)).json().name).toBe(`x${email}`.split('@')[0])
  })

  test('an e-mail address that is another user’s, in whatever case, is refused', async () => {
    const email = newEmail()
    expect((await me(users.http, asUser(newId(), { email }))).statusCode).toBe(200)
    const id = newId()
    const answer = await me(users.http, asUser(id, { email: email.toUpperCase() }))
    expect(answer.json()).toMatchObject({ status: 409, code: 'email-taken' })
    expect(await eventsOf(id)).toEqual([])
  })

  test.each([undefined, 'nobody', 42])('an e-mail address %j is not enough', async email => {
    expect((await me(users.http, asUser(newId(), { email }))).json()).toMatchObject({
      status: 422,
      code: 'claims-incomplete',
    })
  })

  test('whoever was deleted is not made again', async () => {
    const id = newId()
    const headers = asUser(id, { email: newEmail() })
    await me(users.http, headers)
    const admin = asCaller({ sub: newId(), roles: ['admin'] })
    expect((await users.http.inject({ method: 'DELETE', url: `/users/${id}`, headers: admin })).statusCode).toBe(204)
    expect((await me(users.http, headers)).json()).toMatchObject({ status: 403, code: 'account-deleted' })
    expect(await eventsOf(id)).toHaveLength(1)
  })

  test.each([
    ['POST', '/auth/login', { username: 'admin', password: 'admin' }],
    ['POST', '/auth/refresh', { refresh_token: 'x' }],
    ['POST', '/auth/logout', undefined],
    ['POST', '/auth/keys/rotate', undefined],
    ['GET', '/auth/jwks.json', undefined],
    ['GET', '/.well-known/openid-configuration', undefined],
  ] as const)('%s %s names it', async (method, url, payload) => {
    const headers = asCaller({ sub: newId(), roles: ['admin'] })
    const answer = await users.http.inject({ method, url, headers, ...(payload && { payload }) })
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'foreign-issuer', detail: expect.stringContaining(testIssuer) })
  })

  test('a password is refused, because it would open nothing', async () => {
    const payload = { name: 'Ana', email: newEmail(), password: 'correct horse battery' }
    const answer = await users.http.inject({ method: 'POST', url: '/users', payload })
    expect(answer.json()).toMatchObject({ status: 409, code: 'foreign-issuer', errors: [{ field: 'password' }] })
  })
})
