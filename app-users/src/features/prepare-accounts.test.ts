import { startService, type Environment } from '@feira/chassis'
import { createTestDatabase, startTestService } from '@feira/chassis/testing'
import { userCreated } from '@feira/contracts/users'
import { expect, inject, test } from 'vitest'
import { developmentAccounts } from '../domain/development-account.ts'
import { startReplica, startTestIssuer, startUnderForeignIssuer } from '../testing/issuer.ts'
import { service } from '../service.ts'

const production = {
  NODE_ENV: 'production',
  AUTH_ISSUER: 'https://shop.example.com',
  AUTH_JWKS_URL: 'http://127.0.0.1:1/auth/jwks.json',
  AUTH_KEY_SECRET: 'a secret of at least thirty-two characters',
}

/** A start that is expected to fail. */
async function refusal(env: Environment): Promise<string> {
  const settings = {
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    BROKER_URL: inject('brokerUrl'),
    BROKER_NAMESPACE: 'test-users-refusal.',
  }
  return startService(service, { ...settings, ...env }).then(
    () => 'it started',
    (error: Error) => error.message,
  )
}

const logIn = async (http: Awaited<ReturnType<typeof startTestService>>['http'], username: string, password: string) =>
  (await http.inject({ method: 'POST', url: '/auth/login', payload: { username, password } })).statusCode

test('the development accounts are announced like everybody, under ids that never change', async () => {
  await using users = await startTestIssuer()
  const events = await users.published(userCreated)
  expect(events.map(({ userId, role, version }) => ({ userId, role, version }))).toEqual([
    { userId: '01920000-0000-7000-8000-000000000001', role: 'admin', version: 1 },
    { userId: '01920000-0000-7000-8000-000000000002', role: 'user', version: 1 },
    { userId: '01920000-0000-7000-8000-000000000003', role: 'partner', version: 1 },
  ])
})

test('another start makes none anew: not one that was changed, not one that was deleted', async () => {
  await using users = await startTestIssuer()
  const [, testuser, partner] = developmentAccounts
  const change = { method: 'PATCH', url: `/users/${testuser?.id}`, headers: users.admin } as const
  await users.http.inject({ ...change, payload: { password: 'another password', email: 'moved@example.com' } })
  await users.http.inject({ method: 'DELETE', url: `/users/${partner?.id}`, headers: users.admin })
  await using again = await startReplica(users)
  expect(await logIn(again.http, 'testuser', 'multpex')).toBe(401)
  expect(await logIn(again.http, 'testuser', 'another password')).toBe(200)
  expect(await logIn(again.http, 'partner', 'secret')).toBe(401)
  expect(await users.published(userCreated)).toHaveLength(3)
})

test('production refuses to start while somebody has a development password, and names who', async () => {
  await using users = await startTestIssuer(({ AUTH_KEY_SECRET: production.AUTH_KEY_SECRET })) // prettier-ignore
  const [admin, testuser, partner] = developmentAccounts.map(({ id }) => id)
  const env = { ...production, DATABASE_URL: users.env['DATABASE_URL'] }
  expect(await refusal(env)).toMatch(
    /NODE_ENV +production refuses the development passwords of admin, testuser, partner/,
  )
  const change = (id = '', payload: object) =>
    users.http.inject({ method: 'PATCH', url: `/users/${id}`, headers: users.admin, payload })
  await change(testuser, { password: 'another password' })
  await users.http.inject({ method: 'DELETE', url: `/users/${partner}`, headers: users.admin })
  expect(await refusal(env)).toMatch(/the development passwords of admin in the database/)
  await change(admin, { password: 'another password', currentPassword: 'admin' })
  await using started = await startReplica(users, production)
  expect(await logIn(started.http, 'admin', 'another password')).toBe(200)
})

test('production has no development accounts, and the first admin that the environment names, once', async () => {
  const database = await createTestDatabase(service)
  const named = { ADMIN_EMAIL: 'Boss@Example.com', ADMIN_PASSWORD: 'correct horse battery' }
  const env = { ...production, ...named, DATABASE_URL: database.url }
  const replicas = await Promise.all([startTestService(service, env), startTestService(service, env)])
  try {
    const [first] = replicas
    expect(await first.published(userCreated)).toMatchObject([{ email: 'Boss@example.com', role: 'admin' }])
    expect(await logIn(first.http, 'boss@example.com', named.ADMIN_PASSWORD)).toBe(200)
    expect(await logIn(first.http, 'admin', 'admin')).toBe(401)
    await using other = await startTestService(service, { ...env, ADMIN_EMAIL: 'other@example.com' })
    expect(await other.published(userCreated)).toHaveLength(1)
  } finally {
    for (const replica of replicas) await replica[Symbol.asyncDispose]()
    await database.drop()
  }
})

test.each([
  [{ ADMIN_EMAIL: 'boss@example.com' }, /ADMIN_PASSWORD +is missing beside ADMIN_EMAIL/],
  [{ ADMIN_PASSWORD: 'correct horse battery' }, /ADMIN_EMAIL +is missing beside ADMIN_PASSWORD/],
  [{ ADMIN_EMAIL: 'boss@example.com', ADMIN_PASSWORD: 'admin' }, /ADMIN_PASSWORD/],
  [{ ADMIN_EMAIL: 'boss', ADMIN_PASSWORD: 'correct horse battery' }, /ADMIN_EMAIL/],
])('a first admin given as %j is refused', async (named, complaint) => {
  const database = await createTestDatabase(service)
  expect(await refusal({ ...production, ...named, DATABASE_URL: database.url })).toMatch(complaint)
  await database.drop()
})

test('with another issuer there are neither accounts nor keys', async () => {
  await using users = await startUnderForeignIssuer()
  expect(await users.published(userCreated)).toEqual([])
  const { rows } = await users.resources.query({ text: 'select kid from signing_keys' })
  expect(rows).toEqual([])
})
