import { startService } from '@feira/chassis'
import { createTestDatabase, startTestService, waitUntil } from '@feira/chassis/testing'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, inject, test } from 'vitest'
import { bearer, startTestIssuer, type TestIssuer, type Tokens } from '../testing/issuer.ts'
import { service } from '../service.ts'

const kidOf = ({ access_token }: Tokens) => decodeProtectedHeader(access_token).kid as string

async function published(users: TestIssuer): Promise<string[]> {
  const answer = await users.http.inject('/auth/jwks.json')
  expect(answer.statusCode).toBe(200)
  return answer.json<{ keys: { kid: string }[] }>().keys.map(({ kid }) => kid)
}

const rotate = (users: TestIssuer) =>
  users.http.inject({ method: 'POST', url: '/auth/keys/rotate', headers: users.admin })

const status = async (users: TestIssuer, tokens: Tokens) =>
  (await users.http.inject({ url: '/auth/me', headers: bearer(tokens) })).statusCode

async function tend(users: TestIssuer): Promise<void> {
  const job = service.jobs?.find(({ name }) => name === 'tend-signing-keys')
  await job?.run(users.resources as never, new AbortController().signal)
}

/** As if so much time had passed, for the keys. */
const pass = (users: TestIssuer, interval: string) =>
  users.resources.query({ text: `update signing_keys set signs_from = signs_from - $1::interval`, values: [interval] })

test('the key set shows public keys alone, and for how long it may be kept', async () => {
  await using users = await startTestIssuer()
  const answer = await users.http.inject('/auth/jwks.json')
  expect(answer.headers['cache-control']).toBe('public, max-age=300')
  const part = expect.stringMatching(/^[\w-]{43}$/)
  const expected = { kty: 'EC', crv: 'P-256', x: part, y: part, kid: part, alg: 'ES256', use: 'sig' }
  expect(answer.json()).toEqual({ keys: [expected] })
})

test('an early rotation announces the next key, and once it signs, old and new tokens count', async () => {
  await using users = await startTestIssuer()
  const [first] = await published(users)
  const before = await users.logIn('testuser', 'multpex')
  const answer = await rotate(users)
  expect(answer.statusCode).toBe(202)
  const { kid: second, signsFrom } = answer.json()
  expect(Date.parse(signsFrom) - Date.now()).toBeGreaterThan(14 * 60_000)
  expect((await rotate(users)).json()).toEqual({ kid: second, signsFrom })
  expect(await published(users)).toEqual([first, second])
  expect(kidOf(await users.logIn('testuser', 'multpex'))).toBe(first)

  await pass(users, '16 minutes')
  const after = await users.logIn('testuser', 'multpex')
  expect(kidOf(after)).toBe(second)
  expect([await status(users, before), await status(users, after)]).toEqual([200, 200])
  await tend(users)
  expect(await published(users)).toEqual([first, second])

  await pass(users, '11 minutes')
  await tend(users)
  expect(await published(users)).toEqual([second])
})

test('keys are replaced by age, without a token that fails meanwhile', async () => {
  await using users = await startTestIssuer({
    AUTH_KEY_LIFETIME: '30d',
    AUTH_KEY_NOTICE: '15m',
  })
  const [first] = await published(users)
  let stopped = false
  const statuses: number[] = []
  const kids = new Set<string>()
  const visitors = Array.from({ length: 3 }, async () => {
    let tokens = await users.logIn('testuser', 'multpex')
    while (!stopped) {
      kids.add(kidOf(tokens))
      statuses.push(await status(users, tokens))
      const next = await users.http.inject({
        method: 'POST',
        url: '/auth/refresh',
        payload: { refresh_token: tokens.refresh_token },
      })
      statuses.push(next.statusCode)
      tokens = next.json()
    }
  })
  await waitUntil('the first key signs', () => kids.has(first as string))
  await pass(users, '29 days 23 hours 50 minutes')
  await Promise.all([tend(users), tend(users), tend(users)])
  const both = await published(users)
  expect(both).toHaveLength(2)
  const [, second] = both
  await pass(users, '20 minutes')
  await waitUntil('the next key signs', () => kids.has(second as string))
  const seen = statuses.length
  await waitUntil('its tokens were used', () => statuses.length > seen + 10)
  stopped = true
  await Promise.all(visitors)
  expect([...kids]).toEqual([first, second])
  expect(new Set(statuses)).toEqual(new Set([200]))
})

describe('the database', () => {
  test('has one key, however many replicas start on it at once', async () => {
    const database = await createTestDatabase(service)
    const env = { DATABASE_URL: database.url, AUTH_JWKS_URL: 'http://127.0.0.1:1/auth/jwks.json' }
    const replicas = await Promise.all(Array.from({ length: 3 }, () => startTestService(service, env)))
    try {
      const counts = await replicas[0]?.resources.query({
        text: `select (select count(*)::int from signing_keys) as keys, (select count(*)::int from users) as users,
               (select count(*)::int from chassis.outbox where type = 'user.created') as events`,
      })
      expect(counts?.rows).toEqual([{ keys: 1, users: 3, events: 3 }])
    } finally {
      for (const replica of replicas) await replica[Symbol.asyncDispose]()
      await database.drop()
    }
  })

  test('has one key, however many look after an empty table at the same moment', async () => {
    await using users = await startTestIssuer()
    await users.resources.query({ text: 'delete from signing_keys' })
    await Promise.all(Array.from({ length: 5 }, () => tend(users)))
    expect(await published(users)).toHaveLength(1)
  })

  test('holds no private key that could be read, and another secret opens none', async () => {
    await using users = await startTestIssuer({ AUTH_KEY_SECRET: 'a secret of at least thirty-two characters' })
    const { rows } = await users.resources.query<{ text: string }>({ text: 'select signing_keys::text as text from signing_keys' }) // prettier-ignore
    expect(rows).toHaveLength(1)
    expect(rows[0]?.text).not.toMatch(/"d"|PRIVATE/)
    const env = { ...users.env, PORT: '0', AUTH_KEY_SECRET: 'another secret of at least thirty-two characters' }
    await expect(startService(service, env)).rejects.toThrow(/AUTH_KEY_SECRET +does not open the signing keys/)
  })
})

describe('production', () => {
  const env = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    AUTH_ISSUER: 'https://shop.example.com',
    AUTH_JWKS_URL: 'http://app-users:3335/auth/jwks.json',
    BROKER_URL: inject('brokerUrl'),
    BROKER_NAMESPACE: 'test-users-production.',
  }

  test.each([[undefined], ['only-for-development-not-a-secret']])('refuses the secret %s', async secret => {
    const database = await createTestDatabase(service)
    const start = startService(service, { ...env, DATABASE_URL: database.url, AUTH_KEY_SECRET: secret })
    await expect(start).rejects.toThrow(/AUTH_KEY_SECRET +is missing; its default is for development/)
    await database.drop()
  })

  test('refuses keys that were made in development', async () => {
    await using users = await startTestIssuer()
    await users.resources.query({ text: 'delete from users' })
    const secret = { AUTH_KEY_SECRET: 'a secret of at least thirty-two characters' }
    const start = startService(service, { ...env, ...secret, DATABASE_URL: users.env['DATABASE_URL'] })
    await expect(start).rejects.toThrow(/AUTH_KEY_SECRET +does not open/)
  })
})
