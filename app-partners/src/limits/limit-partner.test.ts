import { startService } from '@feira/chassis'
import { asAdmin, asPartner } from '@feira/chassis/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { pruneLimits } from '../features/prune-limits.ts'
import { service } from '../service.ts'
import { openPartnership, type Partnership } from '../testing/partnership.ts'

let partnership: Partnership

beforeAll(async () => {
  partnership = await openPartnership()
})
afterAll(() => partnership[Symbol.asyncDispose]())

// Time stands still but for what a test does to it, however slow the machine is.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000)

type Headers = Readonly<Record<string, string>>

/** Calls so many times at once. @returns how many were let through, and one of the others. */
async function burst(count: number, headers: Headers, call = partnership.call) {
  const answers = await Promise.all(Array.from({ length: count }, () => call(headers)))
  const refused = answers.filter(({ statusCode }) => statusCode === 429)
  return { passed: answers.filter(({ statusCode }) => statusCode === 200).length, refused }
}

const keyOf = async (fields: object = {}) => (await partnership.giveKey(await partnership.create(fields))).headers
const patient = { limitPerSecond: 1_000 }

describe('the minute', () => {
  test('lets 100 requests through and not the 101st; after Retry-After one passes, and not before', async () => {
    const headers = await keyOf(patient)
    expect((await burst(100, headers)).passed).toBe(100)
    pass(20)
    const refused = await partnership.call(headers)
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited' })
    expect(refused.headers).toMatchObject({
      'retry-after': '40',
      'ratelimit-limit': '100',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '40',
      'ratelimit-policy': '100;w=60, 1000;w=1',
    })
    pass(39)
    expect((await partnership.call(headers)).statusCode).toBe(429)
    pass(1)
    expect((await partnership.call(headers)).headers).toMatchObject({ 'ratelimit-remaining': '99' })
  })

  test('is counted down in every answer, refusals of the body included', async () => {
    const headers = await keyOf(patient)
    const first = await partnership.call(headers)
    expect(first.headers).toMatchObject({ 'ratelimit-limit': '100', 'ratelimit-remaining': '99', 'ratelimit-reset': '60' }) // prettier-ignore
    expect(first.headers).not.toHaveProperty('retry-after')
    const json = { ...headers, 'content-type': 'application/json' }
    const bad = await partnership.http.inject({ method: 'POST', url: '/events', headers: json, payload: '{' })
    expect([bad.statusCode, bad.headers['ratelimit-remaining']]).toEqual([400, '98'])
    const head = await partnership.http.inject({ method: 'HEAD', url: '/events', headers })
    expect(head.headers['ratelimit-remaining']).toBe('97')
  })

  test('is that of one key: another one of the partner has its own, and its tokens share one', async () => {
    const id = await partnership.create({ limitPerMinute: 2, userId: '0193a000-0000-7000-8000-00000000000a' })
    const [one, other] = [await partnership.giveKey(id), await partnership.giveKey(id)]
    expect((await burst(3, one.headers)).passed).toBe(2)
    expect((await burst(3, other.headers)).passed).toBe(2)
    expect((await burst(1, asPartner(id))).passed).toBe(1)
    expect((await burst(2, asPartner(id, { jti: 'another' }))).passed).toBe(1)
  })
})

describe('a burst', () => {
  test('of 10 passes, the 11th request within the second does not, and does so after Retry-After', async () => {
    const headers = await keyOf()
    const { passed, refused } = await burst(11, headers)
    expect(passed).toBe(10)
    expect(refused[0]?.headers).toMatchObject({
      'retry-after': '1',
      'ratelimit-limit': '10',
      'ratelimit-remaining': '0',
    })
    pass(0.999)
    expect((await partnership.call(headers)).statusCode).toBe(429)
    pass(0.001)
    // What was refused took nothing from the minute.
    expect((await partnership.call(headers)).headers).toMatchObject({ 'ratelimit-remaining': '89' })
  })

  test('that also uses up the minute is told to come back when that is over', async () => {
    const headers = await keyOf({ limitPerMinute: 10 })
    expect((await burst(10, headers)).passed).toBe(10)
    expect((await partnership.call(headers)).headers).toMatchObject({ 'retry-after': '60' })
  })
})

test('a partner may have limits of its own, from the next request on', async () => {
  const id = await partnership.create()
  const { headers } = await partnership.giveKey(id)
  expect((await burst(11, headers)).passed).toBe(10)
  await partnership.admin('PATCH', `/partners/${id}`, { limitPerSecond: 12, limitPerMinute: 13 })
  pass(1)
  expect((await burst(13, headers)).passed).toBe(3)
  await partnership.admin('PATCH', `/partners/${id}`, { limitPerSecond: null, limitPerMinute: 1_000 })
  pass(1)
  expect((await burst(11, headers)).passed).toBe(10)
})

test('admins are not counted', async () => {
  const headers = asAdmin()
  expect((await burst(150, headers)).passed).toBe(150)
  expect((await partnership.call(headers)).headers).not.toHaveProperty('ratelimit-limit')
})

test('two replicas count together, and see at once that a key was revoked', async () => {
  const other = await startService(service, { ...partnership.env, PORT: '0' })
  try {
    const id = await partnership.create(patient)
    const key = await partnership.giveKey(id)
    const both = await Promise.all([
      burst(60, key.headers),
      burst(60, key.headers, async headers => other.http.inject({ url: '/events', headers })),
    ])
    expect(both.reduce((sum, { passed }) => sum + passed, 0)).toBe(100)
    const { headers } = await partnership.giveKey(id)
    expect((await other.http.inject({ url: '/events', headers })).statusCode).toBe(200)
    const [{ id: newest }] = (await partnership.admin('GET', `/partners/${id}/keys`)).json().items
    expect((await partnership.admin('DELETE', `/partners/${id}/keys/${newest}`)).statusCode).toBe(204)
    const answer = await other.http.inject({ url: '/events', headers })
    expect(answer.json()).toMatchObject({ status: 401, code: 'key-invalid' })
  } finally {
    await other.stop()
  }
})

test('counting waits for no disk', async () => {
  const tables = await partnership.sql(`select relpersistence as how from pg_class where relname = 'rate_limits'`)
  expect(tables).toEqual([{ how: 'u' }])
})

test('counts that are over are cleared away, and no others', async () => {
  const headers = await keyOf()
  await partnership.call(headers)
  pass(30)
  const counts = () => partnership.sql<{ key: string }>('select key from rate_limits where expire > 0')
  const before = await counts()
  await pruneLimits.run(partnership.resources, AbortSignal.timeout(10_000))
  const after = await counts()
  // Of its second and its minute the one is over.
  expect(before.length).toBeGreaterThan(after.length)
  expect(after.length).toBeGreaterThan(0)
  expect((await partnership.call(headers)).headers['ratelimit-remaining']).toBe('98')
})
