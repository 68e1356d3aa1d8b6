import { startService, type Environment } from '@feira/chassis'
import { createTestDatabase } from '@feira/chassis/testing'
import { userCreated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { developmentAccounts } from '../domain/development-account.ts'
import { service } from '../service.ts'
import { startReplica, startTestIssuer, startUnderForeignIssuer, type TestIssuer } from '../testing/issuer.ts'

const production = {
  NODE_ENV: 'production',
  AUTH_ISSUER: 'https://shop.example.com',
  AUTH_JWKS_URL: 'http://127.0.0.1:1/auth/jwks.json',
  AUTH_KEY_SECRET: 'a secret of at least thirty-two characters',
}

let users: TestIssuer
/** Of a database that nobody has started on yet. */
let empty: Awaited<ReturnType<typeof createTestDatabase>>

beforeAll(async () => {
  users = await startTestIssuer({ AUTH_KEY_SECRET: production.AUTH_KEY_SECRET })
  empty = await createTestDatabase(service)
})
afterAll(async () => {
  await users[Symbol.asyncDispose]()
  await empty.drop()
})

/** A start that is expected to fail. */
const refusal = (env: Environment) =>
  startService(service, { ...users.env, PORT: '0', ...env }).then(
    () => 'it started',
    (error: Error) => error.message,
  )

const logIn = async ({ http }: Pick<TestIssuer, 'http'>, username: string, password: string) =>
  (await http.inject({ method: 'POST', url: '/auth/login', payload: { username, password } })).statusCode

describe('the development accounts, step by step', () => {
  const [admin, testuser, partner] = developmentAccounts.map(({ id }) => `/users/${id}`) as [string, string, string]
  const change = async (url: string, payload: object) => {
    const answer = await users.http.inject({ method: 'PATCH', url, headers: users.admin, payload })
    expect(answer.statusCode, answer.body).toBe(200)
  }

  test('are announced like everybody, under ids that never change', async () => {
    const events = await users.published(userCreated)
    expect(events.map(({ userId, role, version }) => ({ userId, role, version }))).toEqual([
      { userId: '01920000-0000-7000-8000-000000000001', role: 'admin', version: 1 },
      { userId: '01920000-0000-7000-8000-000000000002', role: 'user', version: 1 },
      { userId: '01920000-0000-7000-8000-000000000003', role: 'partner', version: 1 },
    ])
  })

  test('keep production from starting while somebody has one of their passwords', async () => {
    expect(await refusal(production)).toMatch(
      /NODE_ENV +production refuses the development passwords of admin, testuser, partner/,
    )
  })

  test('are not made again: not one that was changed, not one that was deleted', async () => {
    await change(testuser, { password: 'another password', email: 'moved@example.com' })
    await users.http.inject({ method: 'DELETE', url: partner, headers: users.admin })
    await using again = await startReplica(users)
    expect(await logIn(again, 'testuser', 'multpex')).toBe(401)
    expect(await logIn(again, 'testuser', 'another password')).toBe(200)
    expect(await logIn(again, 'partner', 'secret')).toBe(401)
    expect(await users.published(userCreated)).toHaveLength(3)
  })

  test('let production start once all have other passwords', async () => {
    expect(await refusal(production)).toMatch(/the development passwords of admin in the database/)
    await change(admin, { password: 'another password', currentPassword: 'admin' })
    await using started = await startReplica(users, production)
    expect(await logIn(started, 'admin', 'another password')).toBe(200)
  })
})

describe('the first admin', () => {
  const named = { ADMIN_EMAIL: 'Boss@Example.com', ADMIN_PASSWORD: 'correct horse battery' }

  test.each([
    [{ ADMIN_EMAIL: 'boss@example.com' }, /ADMIN_PASSWORD +is missing beside ADMIN_EMAIL/],
    [{ ADMIN_PASSWORD: 'correct horse battery' }, /ADMIN_EMAIL +is missing beside ADMIN_PASSWORD/],
    [{ ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'admin' }, /ADMIN_PASSWORD/],
    [{ ADMIN_EMAIL: 'boss', ADMIN_PASSWORD: 'correct horse battery' }, /ADMIN_EMAIL/],
  ])('given as %j is refused', async (incomplete, complaint) => {
    expect(await refusal({ ...production, ...incomplete, DATABASE_URL: empty.url })).toMatch(complaint)
  })

  test('is the only account of production, made once, whoever is named later', async () => {
    const start = (env = {}) => startReplica(users, { ...production, ...named, ...env, DATABASE_URL: empty.url })
    const replicas = await Promise.all([start(), start()])
    const later = await start({ ADMIN_EMAIL: 'other@example.com' })
    const { rows } = await later.resources.query({
      text: `select payload ->> 'email' as email, payload ->> 'role' as role from chassis.outbox where type = $1`,
      values: [userCreated.type],
    })
    expect(rows).toEqual([{ email: 'Boss@example.com', role: 'admin' }])
    expect(await logIn(later, 'boss@example.com', named.ADMIN_PASSWORD)).toBe(200)
    expect(await logIn(later, 'admin', 'admin')).toBe(401)
    await Promise.all([...replicas, later].map(replica => replica.stop()))
  })
})

test('with another issuer there are neither accounts nor keys', async () => {
  await using foreign = await startUnderForeignIssuer()
  expect(await foreign.published(userCreated)).toEqual([])
  const { rows } = await foreign.resources.query({ text: 'select kid from signing_keys' })
  expect(rows).toEqual([])
})
