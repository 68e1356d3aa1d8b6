import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { bearer, newEmail, password, startTestIssuer, type TestIssuer } from '../issuer.testing.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

/** From an address of its own, so that tests do not share what is counted per address. */
const logIn = (payload: object, address = '203.0.113.1') =>
  users.http.inject({ method: 'POST', url: '/auth/login', payload, remoteAddress: address })

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
