import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer, newEmail, password, startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const logIn = (payload: object, remoteAddress = '203.0.113.1') =>
  users.http.inject({ method: 'POST', url: '/auth/login', payload, remoteAddress })

test.each([
  ['admin', 'admin', 'admin'],
  ['testuser', 'multpex', 'user'],
  ['partner', 'secret', 'partner'],
])('the development account %s signs in', async (username, password, role) => {
  const answer = await logIn({ username, password })
  expect(answer.statusCode, answer.body).toBe(200)
  expect(answer.headers['cache-control']).toBe('no-store')
  const tokens = answer.json()
  expect(tokens).toEqual({
    access_token: expect.any(String),
    refresh_token: expect.stringMatching(/^[\w-]{43}$/),
    token_type: 'Bearer',
    expires_in: 600,
  })
  const me = await users.http.inject({ url: '/auth/me', headers: bearer(tokens) })
  expect(me.json()).toMatchObject({ role, status: 'active', email: `${username}@example.com` })
})

test('the tokens are understood by whoever knows only the issuer', async () => {
  const person = await users.register({ name: 'Zoë Ångström' })
  const issuer = users.env['AUTH_ISSUER'] as string
  const description = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as {
    issuer: string
    jwks_uri: string
  }
  expect(description.issuer).toBe(issuer)
  const keys = createRemoteJWKSet(new URL(description.jwks_uri))
  const token = person.tokens.access_token
  const { payload } = await jwtVerify(token, keys, { issuer, audience: 'feira', algorithms: ['ES256'] })
  expect(payload).toEqual({
    iss: issuer,
    aud: 'feira',
    sub: person.id,
    sid: expect.stringMatching(/^[\da-f-]{36}$/),
    jti: expect.stringMatching(/^[\da-f-]{36}$/),
    roles: ['user'],
    email: person.email,
    name: 'Zoë Ångström',
    iat: expect.any(Number),
    exp: (payload.iat as number) + 600,
  })
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
})

test('the e-mail address serves as username, its case and spaces around it ignored', async () => {
  const { email } = await users.register()
  for (const name of [email, email.toUpperCase(), ` ${email} `]) {
    expect((await logIn({ username: name, password })).statusCode).toBe(200)
    expect((await logIn({ email: name, password })).statusCode).toBe(200)
  }
})

describe('is refused alike', () => {
  const expected = { code: 'wrong-credentials', detail: 'There is no such user with this password.' }

  test.each([
    ['with a wrong password', 'admin', 'nimda'],
    ['for an unknown name', 'nobody', 'admin'],
    ['for an unknown address', 'nobody@example.com', 'admin'],
    ['with another spelling of the password', 'admin', 'ADMIN'],
    ['with what could be SQL', `' or true --`, `' or true --`],
  ])('%s', async (_why, username, password) => {
    const answer = await logIn({ username, password }, '203.0.113.2')
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject(expected)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
  })

  test('for a user without a password', async () => {
    const email = newEmail()
    await users.http.inject({ method: 'POST', url: '/users', payload: { name: 'Ana', email } })
    const answer = await logIn({ email, password }, '203.0.113.2')
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject(expected)
  })
})

test('a blocked user is told so, but only with the right password', async () => {
  const { id, email } = await users.register()
  const block = { method: 'PATCH', url: `/users/${id}`, headers: users.admin, payload: { status: 'blocked' } } as const
  expect((await users.http.inject(block)).statusCode).toBe(200)
  expect((await logIn({ email, password })).json()).toMatchObject({ status: 403, code: 'account-blocked' })
  expect((await logIn({ email, password: 'wrong' })).json()).toMatchObject({ status: 401, code: 'wrong-credentials' })
})

test.each([
  [{}, 'password'],
  [{ password }, 'username'],
  [{ username: 'admin' }, 'password'],
  [{ username: 'admin', password: '' }, 'password'],
  [{ username: 'admin', password: 'x'.repeat(129) }, 'password'],
  [{ username: 'x'.repeat(255), password }, 'username'],
  [{ username: 'admin', email: 'other@example.com', password }, 'email'],
  [{ username: 'admin', password: 'a\u0000b' }, 'password'],
  [{ username: 'admin\u0000', password }, 'username'],
  [{ username: ['admin'], password }, 'username'],
  [{ username: { $ne: null }, password }, 'username'],
  [{ username: 'admin', password, role: 'admin' }, 'role'],
])('the body %j is refused for its %s', async (body, field) => {
  const answer = await logIn(body)
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.json().errors).toEqual([expect.objectContaining({ in: 'body', field })])
})

test('neither the password nor the refresh token is in the database', async () => {
  const { tokens } = await users.register()
  const { rows } = await users.resources.query<{ found: string }>({
    text: `select table_schema || '.' || table_name as found from information_schema.tables
           where table_schema in ('public', 'chassis') and
             position($1 in query_to_xml(format('select * from %I.%I', table_schema, table_name), true, false, '')::text) > 0
             or table_schema in ('public', 'chassis') and
             position($2 in query_to_xml(format('select * from %I.%I', table_schema, table_name), true, false, '')::text) > 0`,
    values: [password, tokens.refresh_token],
  })
  expect(rows).toEqual([])
})
