import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newEmail, password, startReplica, startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer
let addresses = 0

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

/** One that nobody came from yet. */
const newAddress = () => `198.51.${100 + Math.floor(addresses / 250)}.${1 + (addresses++ % 250)}`

const logIn = (email: string, password: string, remoteAddress: string, service = users.http) =>
  service.inject({ method: 'POST', url: '/auth/login', payload: { email, password }, remoteAddress })

async function fail(email: string, address: string, times: number): Promise<number[]> {
  const statuses = []
  for (let count = 0; count < times; count++) statuses.push((await logIn(email, 'wrong', address)).statusCode)
  return statuses
}

const tally = (statuses: readonly number[]) =>
  Object.fromEntries([...new Set(statuses)].map(status => [status, statuses.filter(each => each === status).length]))

/** As if so many minutes had passed. */
const pass = (minutes: number) =>
  users.resources.query({
    text: `update login_failures set since = since - make_interval(mins => $1), last = last - make_interval(mins => $1)`,
    values: [minutes],
  })

describe('20 wrong passwords', () => {
  test('one after the other: ten are tried, then nothing is, not even the right one', async () => {
    const { email } = await users.register()
    const address = newAddress()
    expect(await fail(email, address, 20)).toEqual([...Array(10).fill(401), ...Array(10).fill(429)])
    const answer = await logIn(email, password, address)
    expect(answer.statusCode).toBe(429)
    expect(answer.json()).toMatchObject({ code: 'too-many-attempts' })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(14 * 60)
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(15 * 60)
    await pass(15)
    expect((await logIn(email, password, address)).statusCode).toBe(200)
  })

  test('all at once, at two replicas: ten are tried', async () => {
    await using other = await startReplica(users)
    const { email } = await users.register()
    const address = newAddress()
    const answers = Array.from({ length: 20 }, (_, index) =>
      logIn(email, 'wrong', address, index % 2 === 0 ? users.http : other.http),
    )
    expect(tally((await Promise.all(answers)).map(({ statusCode }) => statusCode))).toEqual({ 401: 10, 429: 10 })
  })

  test('for a name that is nobody’s: answered alike', async () => {
    const [known, unknown] = [(await users.register()).email, newEmail()]
    const [first, second] = [newAddress(), newAddress()]
    for (let count = 0; count < 12; count++) {
      const [a, b] = [await logIn(known, 'wrong', first), await logIn(unknown, 'wrong', second)]
      expect(a.statusCode).toBe(b.statusCode)
      expect(a.json().code).toBe(b.json().code)
      expect(Object.keys(a.headers).toSorted()).toEqual(Object.keys(b.headers).toSorted())
    }
  })
})

test('a right password forgets the wrong ones before it', async () => {
  const { email } = await users.register()
  const address = newAddress()
  for (let round = 0; round < 3; round++) {
    expect(await fail(email, address, 9)).toEqual(Array(9).fill(401))
    expect((await logIn(email, password, address)).statusCode).toBe(200)
  }
})

test('right passwords do not count, however many come at once', async () => {
  const { email } = await users.register()
  const address = newAddress()
  const answers = await Promise.all(Array.from({ length: 60 }, () => logIn(email, password, address)))
  expect(tally(answers.map(({ statusCode }) => statusCode))).toEqual({ 200: 60 })
})

test('an address that tries many accounts is stopped after 50, whatever the account, and refusals leave no trace', async () => {
  const address = newAddress()
  const rows = async () =>
    (await users.resources.query<{ count: number }>({ text: 'select count(*)::int as count from login_failures' })).rows
  const statuses = []
  for (let count = 0; count < 50; count++) statuses.push(...(await fail(newEmail(), address, 1)))
  expect(tally(statuses)).toEqual({ 401: 50 })
  const before = await rows()
  for (let count = 0; count < 5; count++) expect(await fail(newEmail(), address, 1)).toEqual([429])
  expect(await rows()).toEqual(before)
  const { email } = await users.register()
  expect((await logIn(email, password, address)).statusCode).toBe(429)
  expect((await logIn(email, password, newAddress())).statusCode).toBe(200)
})

test('a stranger with many addresses is slowed down, the owner at home is not', async () => {
  const { email } = await users.register()
  const home = newAddress()
  expect((await logIn(email, password, home)).statusCode).toBe(200)
  const statuses = []
  for (let count = 0; count < 30; count++) statuses.push(...(await fail(email, newAddress(), 1)))
  expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401))
  expect(statuses.slice(20)).toContain(429)
  const refused = await logIn(email, password, newAddress())
  expect(refused.statusCode).toBe(429)
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
  expect((await logIn(email, password, home)).statusCode).toBe(200)
})
