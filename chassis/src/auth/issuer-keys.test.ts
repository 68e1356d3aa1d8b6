import { errors } from 'jose'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openDatabase, type DatabaseConnection } from '../database/database.ts'
import { newId } from '../ids.ts'
import { createLogger } from '../telemetry/log.ts'
import { createSigningKey, createTestDatabase, waitUntil, type SigningKey } from '../testing/index.ts'
import { notesService } from '../testing/fixture/notes.ts'
import { Issuer } from './issuer.testing.ts'
import { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts'
import { createKeptKeys } from './kept-keys.ts'

const silent = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })
const key = createSigningKey('one')
const other = createSigningKey('two')

let testDatabase: Awaited<ReturnType<typeof createTestDatabase>>
let database: DatabaseConnection

beforeAll(async () => {
  testDatabase = await createTestDatabase(notesService())
  database = openDatabase('test', { DATABASE_URL: testDatabase.url, DATABASE_POOL: 4 }, silent)
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

interface Started {
  readonly issuer: Issuer
  readonly keys: IssuerKeys
  readonly warnings: string[]
  readonly changes: () => number
  /** Name of the issuer, under which its keys are kept. */
  readonly name: string
}

async function startIssuer(...keys: readonly SigningKey[]): Promise<Issuer> {
  const issuer = await Issuer.start(...keys)
  onTestFinished(() => issuer[Symbol.asyncDispose]())
  return issuer
}

/** Keys as a service has them, with short pauses; they stop when the test ends. */
function startKeys(issuer: Issuer, pauses: IssuerKeysOptions['pauses'] = {}, name: string = newId()): Started {
  const warnings: string[] = []
  let changes = 0
  const log = { warn: (_: object, text: string) => void warnings.push(text), info: () => {} } as never
  const kept = createKeptKeys(database.query, name)
  const keys = new IssuerKeys({ url: issuer.url, kept, log, onChange: () => changes++, pauses: { ...pauses } })
  keys.start()
  onTestFinished(() => keys.stop())
  return { issuer, keys, warnings, changes: () => changes, name }
}

/** Whether the key that a token names is found. */
async function find({ keys }: Pick<Started, 'keys'>, { kid }: Pick<SigningKey, 'kid'>): Promise<boolean> {
  try {
    await keys.find({ alg: 'ES256', kid }, { payload: '', signature: '' })
    return true
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return false
    throw error
  }
}

async function kept({ name }: Started): Promise<string[]> {
  const { rows } = await database.query<{ jwks: { keys: { kid: string }[] } }>({
    text: 'select jwks from chassis.issuer_keys where issuer = $1',
    values: [name],
  })
  return rows[0]?.jwks.keys.map(({ kid }) => kid) ?? []
}

const unavailable = { code: 'issuer-unavailable', status: 503, headers: { 'retry-after': '2' } }

describe('keys', () => {
  test('are fetched once and kept', async () => {
    const started = startKeys(await startIssuer(key, other))
    expect(await Promise.all([key, other, key, key].map(each => find(started, each)))).toEqual([true, true, true, true])
    expect(started.issuer.requests).toBe(1)
    await waitUntil('they are kept', async () => (await kept(started)).length === 2)
    expect((await kept(started)).toSorted()).toEqual(['one', 'two'])
  })

  test('of a rotation are found at once', async () => {
    const started = startKeys(await startIssuer(key))
    expect(await find(started, key)).toBe(true)
    started.issuer.keys = [key, other]
    expect(await find(started, other)).toBe(true)
    expect(started.issuer.requests).toBe(2)
  })

  test('that were removed count no more after the next refresh', async () => {
    const started = startKeys(await startIssuer(key, other), { refresh: 30 })
    expect(await find(started, other)).toBe(true)
    expect(started.changes()).toBe(1)
    started.issuer.keys = [key]
    await waitUntil('the removed key is refused', async () => !(await find(started, other)))
    expect(await find(started, key)).toBe(true)
    expect(started.changes()).toBe(2)
    await waitUntil('it is not kept either', async () => (await kept(started)).join(',') === 'one')
  })

  test('are searched for at most once per pause, however many names somebody makes up', async () => {
    const started = startKeys(await startIssuer(key))
    expect(await find(started, key)).toBe(true)
    const madeUp = Array.from({ length: 50 }, (_, index) => ({ kid: `made-up-${index}` }))
    expect(await Promise.all(madeUp.map(each => find(started, each)))).not.toContain(true)
    for (const each of madeUp) expect(await find(started, each)).toBe(false)
    expect(started.issuer.requests).toBe(2)
  })

  test('are searched for again after the pause', async () => {
    const started = startKeys(await startIssuer(key), { unknownKey: 50 })
    expect(await find(started, other)).toBe(false)
    started.issuer.keys = [key, other]
    await waitUntil('the new key is found', () => find(started, other))
  })
})

describe('an issuer that is away', () => {
  test('is no reason to refuse those whose keys are kept', async () => {
    const issuer = await startIssuer(key)
    const before = startKeys(issuer)
    await waitUntil('the keys are kept', async () => (await kept(before)).length === 1)
    await before.keys.stop()
    issuer.goAway()
    const after = startKeys(issuer, {}, before.name)
    expect(await find(after, key)).toBe(true)
    expect(await find(after, other)).toBe(false)
  })

  test('does not hold up those whose keys are kept, when it hangs', async () => {
    const issuer = await startIssuer(key)
    const before = startKeys(issuer)
    await waitUntil('the keys are kept', async () => (await kept(before)).length === 1)
    issuer.hang()
    const startedAt = performance.now()
    expect(await find(startKeys(issuer, {}, before.name), key)).toBe(true)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  test('that nobody ever saw is said to be away, and asked again once in a while', async () => {
    const issuer = await startIssuer(key)
    issuer.goAway()
    const started = startKeys(issuer, { retry: 300 })
    const asked = Array.from({ length: 50 }, () => expect(find(started, key)).rejects.toMatchObject(unavailable))
    await Promise.all(asked)
    // At its start, and then for all who waited.
    expect(issuer.requests).toBeLessThanOrEqual(2)
  })

  test('is noticed when it is back', async () => {
    const issuer = await startIssuer(key)
    issuer.goAway()
    const started = startKeys(issuer, { retry: 20 })
    await expect(find(started, key)).rejects.toMatchObject(unavailable)
    issuer.comeBack()
    await waitUntil('the key is found', () => find(started, key).catch(() => false))
  })

  test('is reported once, not with every attempt', async () => {
    const issuer = await startIssuer(key)
    issuer.goAway()
    const started = startKeys(issuer, { retry: 1 })
    await waitUntil('it was asked a few times', () => issuer.requests > 6)
    expect(started.warnings).toEqual(['cannot fetch keys of the token issuer'])
  })

  test('is asked after longer and longer pauses', async () => {
    const issuer = await startIssuer(key)
    issuer.goAway()
    startKeys(issuer, { retry: 10 })
    await waitUntil('it was asked', () => issuer.requests > 0)
    const startedAt = performance.now()
    await waitUntil('it was asked often', () => issuer.requests > 5)
    // 10 + 20 + 40 + 80 + 160 ms, a tenth less by chance, and a little of the first one is over.
    expect(performance.now() - startedAt).toBeGreaterThan(250)
  })

  test('is given up after a while, by one request at a time', async () => {
    const issuer = await startIssuer(key)
    issuer.hang()
    const started = startKeys(issuer, { timeout: 100, retry: 1 })
    const finds = Array.from({ length: 20 }, () => find(started, key))
    for (const each of await Promise.allSettled(finds)) expect(each).toMatchObject({ reason: unavailable })
    await waitUntil('it was asked again', () => issuer.requests > 2)
    expect(issuer.overlaps).toBe(0)
  })
})

describe('an issuer that answers nonsense', () => {
  const { privateKey } = key
  const privateJwk = { ...privateKey.export({ format: 'jwk' }), kid: 'private' }
  const secret = { kty: 'oct', kid: 'secret', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA' }
  const send = (body: unknown) => (response: ServerResponse) => void response.end(JSON.stringify(body))

  test.each<[string, (response: ServerResponse) => void]>([
    ['HTML', response => void response.end('<html>welcome</html>')],
    ['nothing', response => void response.end()],
    ['an object of another kind', send({ error: 'no' })],
    ['null', send(null)],
    ['no keys', send({ keys: [] })],
    ['keys that are none', send({ keys: [1, null, 'x', {}] })],
    ['a private key', send({ keys: [privateJwk] })],
    ['a symmetric key', send({ keys: [secret] })],
    ['a key for encryption', send({ keys: [{ ...other.jwk, use: 'enc' }] })],
    ['an error', response => void response.writeHead(500).end('{"keys":[]}')],
    ['a key set and an error', response => void response.writeHead(404).end(JSON.stringify({ keys: [other.jwk] }))],
    ['too much', response => void response.end(JSON.stringify({ keys: [other.jwk], more: 'x'.repeat(300_000) }))],
  ])('(%s) is taken for away; the last good keys stay', async (_, answer) => {
    const started = startKeys(await startIssuer(key), { unknownKey: 0, retry: 0 })
    expect(await find(started, key)).toBe(true)
    started.issuer.answer = answer
    const before = started.issuer.requests
    expect(await find(started, other)).toBe(false)
    expect(started.issuer.requests).toBeGreaterThan(before)
    expect(await find(started, key)).toBe(true)
    expect(started.changes()).toBe(1)
    expect(await kept(started)).toEqual(['one'])
  })

  test('(a redirect) is taken for away, wherever it leads', async () => {
    const elsewhere = await startIssuer(key, other)
    const started = startKeys(await startIssuer(key), { unknownKey: 0, retry: 0 })
    expect(await find(started, key)).toBe(true)
    started.issuer.answer = response => void response.writeHead(302, { location: elsewhere.url }).end()
    expect(await find(started, other)).toBe(false)
    expect(elsewhere.requests).toBe(0)
  })

  test('among good keys is left out', async () => {
    const started = startKeys(await startIssuer())
    started.issuer.answer = send({ keys: [privateJwk, null, secret, other.jwk] })
    expect(await find(started, other)).toBe(true)
    expect(await find(started, { kid: 'private' })).toBe(false)
    expect(await find(started, { kid: 'secret' })).toBe(false)
    expect(JSON.stringify(await kept(started))).not.toContain('private')
  })
})

test('once stopped nothing is fetched any more', async () => {
  const issuer = await startIssuer(key)
  issuer.hang()
  const { keys } = startKeys(issuer, { refresh: 1, retry: 1 })
  await waitUntil('it was asked', () => issuer.requests === 1)
  await keys.stop()
  issuer.comeBack()
  await expect(find({ keys }, key)).rejects.toMatchObject(unavailable)
  expect(issuer.requests).toBe(1)
})
