import { startService } from '@feira/chassis'
import { createTestDatabase, waitUntil } from '@feira/chassis/testing'
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { bearer, startReplica, startTestIssuer, type TestIssuer, type Tokens } from '../testing/issuer.ts'

// One issuer whose keys go on from test to test: each begins with the one key that the test before has left.
let users: TestIssuer
beforeAll(async () => {
  users = await startTestIssuer({ AUTH_KEY_LIFETIME: '30d', AUTH_KEY_NOTICE: '15m' })
})
afterAll(() => users[Symbol.asyncDispose]())

const kidOf = ({ access_token }: Tokens) => decodeProtectedHeader(access_token).kid as string

async function published(): Promise<string[]> {
  const answer = await users.http.inject('/auth/jwks.json')
  expect(answer.statusCode).toBe(200)
  return answer.json<{ keys: { kid: string }[] }>().keys.map(({ kid }) => kid)
}

const rotate = () => users.http.inject({ method: 'POST', url: '/auth/keys/rotate', headers: users.admin })

const status = async (tokens: Tokens, http = users.http) =>
  (await http.inject({ url: '/auth/me', headers: bearer(tokens) })).statusCode

async function tend(): Promise<void> {
  const job = service.jobs?.find(({ name }) => name === 'tend-signing-keys')
  await job?.run(users.resources as never, new AbortController().signal)
}

/** As if so much time had passed, for the keys. */
const pass = (interval: string) =>
  users.resources.query({ text: `update signing_keys set signs_from = signs_from - $1::interval`, values: [interval] })

test('the key set shows public keys alone, and for how long it may be kept', async () => {
  const answer = await users.http.inject('/auth/jwks.json')
  expect(answer.headers['cache-control']).toBe('public, max-age=300')
  const part = expect.stringMatching(/^[\w-]{43}$/)
  const expected = { kty: 'EC', crv: 'P-256', x: part, y: part, kid: part, alg: 'ES256', use: 'sig' }
  expect(answer.json()).toEqual({ keys: [expected] })
})

test('an early rotation announces the next key, and once it signs, old and new tokens count', async () => {
  const [first] = await published()
  const before = await users.logIn('testuser', 'multpex')
  const answer = await rotate()
  expect(answer.statusCode).toBe(202)
  const { kid: second, signsFrom } = answer.json()
  expect(Date.parse(signsFrom) - Date.now()).toBeGreaterThan(14 * 60_000)
  expect((await rotate()).json()).toEqual({ kid: second, signsFrom })
  expect(await published()).toEqual([first, second])
  expect(kidOf(await users.logIn('testuser', 'multpex'))).toBe(first)

  await pass('16 minutes')
  const after = await users.logIn('testuser', 'multpex')
  expect(kidOf(after)).toBe(second)
  expect([await status(before), await status(after)]).toEqual([200, 200])
  await tend()
  expect(await published()).toEqual([first, second])

  await pass('11 minutes')
  await tend()
  expect(await published()).toEqual([second])
})

test('keys are replaced by age, without a token that fails meanwhile', async () => {
  // One that has looked for no unknown key yet: time passes too fast here for its next look, 30 s later.
  await using replica = await startReplica(users)
  const [first] = await published()
  let stopped = false
  const statuses: number[] = []
  const kids = new Set<string>()
  const visitors = Array.from({ length: 3 }, async () => {
    let tokens = await users.logIn('testuser', 'multpex')
    while (!stopped) {
      kids.add(kidOf(tokens))
      statuses.push(await status(tokens, replica.http))
      const next = await replica.http.inject({
        method: 'POST',
        url: '/auth/refresh',
        payload: { refresh_token: tokens.refresh_token },
      })
      statuses.push(next.statusCode)
      tokens = next.json()
    }
  })
  await waitUntil('the first key signs', () => kids.has(first as string))
  await pass('29 days 23 hours 50 minutes')
  await Promise.all([tend(), tend(), tend()])
  const both = await published()
  expect(both).toHaveLength(2)
  const [, second] = both
  await pass('20 minutes')
  await waitUntil('the next key signs', () => kids.has(second as string))
  const seen = statuses.length
  await waitUntil('its tokens were used', () => statuses.length > seen + 10)
  stopped = true
  await Promise.all(visitors)
  expect([...kids]).toEqual([first, second])
  expect(new Set(statuses)).toEqual(new Set([200]))
})

test('an empty table gets one key, however many look after it at the same moment', async () => {
  await users.resources.query({ text: 'delete from signing_keys' })
  await Promise.all(Array.from({ length: 5 }, () => tend()))
  expect(await published()).toHaveLength(1)
})

test('replicas that start on an empty database at once make one key, and each account once', async () => {
  const database = await createTestDatabase(service)
  const start = () => startReplica(users, { DATABASE_URL: database.url })
  const replicas = await Promise.all([start(), start(), start()])
  const counts = await replicas[0].resources.query({
    text: `select (select count(*)::int from signing_keys) as keys, (select count(*)::int from users) as users,
           (select count(*)::int from chassis.outbox where type = 'user.created') as events`,
  })
  expect(counts.rows).toEqual([{ keys: 1, users: 3, events: 3 }])
  await Promise.all(replicas.map(replica => replica.stop()))
  await database.drop()
})

describe('private keys', () => {
  test('cannot be read in the database', async () => {
    const { rows } = await users.resources.query<{ text: string }>({ text: 'select signing_keys::text as text from signing_keys' }) // prettier-ignore
    expect(rows).toHaveLength(1)
    expect(rows[0]?.text).not.toMatch(/"d"|PRIVATE/)
  })

  const another = 'another secret of at least thirty-two characters'
  const known = 'only-for-development-not-a-secret'
  test.each([
    ['development', another, /AUTH_KEY_SECRET +does not open the signing keys/],
    ['production', another, /AUTH_KEY_SECRET +does not open the signing keys/],
    ['production', known, /AUTH_KEY_SECRET +is missing; its default is for development/],
    ['production', undefined, /AUTH_KEY_SECRET +is missing; its default is for development/],
  ])('are opened in %s by the secret that they were made with, not by %s', async (environment, secret, refusal) => {
    const env = { ...users.env, PORT: '0', NODE_ENV: environment, AUTH_KEY_SECRET: secret }
    await expect(startService(service, env)).rejects.toThrow(refusal)
  })
})
