import type { LookupAddress } from 'node:dns'
import { ConfigError, readConfig } from '@feira/chassis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { config } from '../config.ts'
import { openTarget, type Target } from '../testing/target.ts'
import { impatient, openTelling, type Telling } from '../testing/telling.ts'
import { guardedLookup } from './guarded-lookup.ts'

const addresses = new Map<string, string[]>()
const asked: string[] = []
async function resolve(hostname: string): Promise<string[]> {
  asked.push(hostname)
  return addresses.get(hostname) ?? Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))
}

let telling: Telling
let target: Target

beforeAll(async () => {
  target = await openTarget()
  telling = await openTelling({ WEBHOOK_PRIVATE_TARGETS: 'false' }, impatient([20, 40], resolve))
})
afterAll(async () => {
  await telling[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

async function attempts(url: string) {
  const id = await telling.tell(await telling.partner(url))
  await telling.becomes(id, 'failed')
  return telling.attemptsOf(id)
}

test.each([['127.0.0.1'], ['10.1.2.3'], ['::1'], ['::ffff:127.0.0.1'], ['93.184.215.14', '169.254.169.254']])(
  'a name that leads to %s is refused for good, without a connection and without a word of the address',
  async (...found) => {
    addresses.set('hook.partner.example', found)
    expect(await attempts(`http://hook.partner.example:${target.port}/hook`)).toMatchObject([
      { httpStatus: null, error: 'Not sent: the URL leads to an address that is not public.' },
    ])
    expect(target.connections).toBe(0)
  },
)

test.each(['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost', 'localhost.'])(
  'http://%s is refused for good at the attempt, whenever it was registered, and nobody is asked for its address',
  async host => {
    asked.length = 0
    expect(await attempts(`http://${host}:${target.port}/hook`)).toMatchObject([
      { httpStatus: null, error: 'Not sent: the URL must be on a public host.' },
    ])
    expect(asked).toEqual([])
    expect(target.connections).toBe(0)
  },
)

test('a name without an address is tried again', async () => {
  const failed = await attempts('http://nobody.partner.example/hook')
  expect(failed.map(({ error }) => error)).toEqual(Array(3).fill('The host name leads nowhere (ENOTFOUND).'))
})

test('what was checked is what is connected to: the name is asked for once', async () => {
  asked.length = 0
  addresses.set('two.partner.example', ['93.184.215.14', '2606:4700::1111'])
  const found = await new Promise<string | LookupAddress[]>((done, failed) => {
    guardedLookup(resolve)('two.partner.example', { all: true }, (error, all) => (error ? failed(error) : done(all)))
  })
  expect(found).toEqual([
    { address: '93.184.215.14', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ])
  expect(asked).toEqual(['two.partner.example'])
})

test('production starts only when it is told whether private targets are meant', () => {
  const inProduction = (env: Record<string, string>) =>
    readConfig('partners', config, { NODE_ENV: 'production', ...env })
  expect(() => inProduction({})).toThrow(ConfigError)
  expect(() => inProduction({})).toThrow('WEBHOOK_PRIVATE_TARGETS')
  // Whoever runs it for partners on a network of their own means it.
  for (const meant of ['true', 'false'])
    expect(inProduction({ WEBHOOK_PRIVATE_TARGETS: meant }).WEBHOOK_PRIVATE_TARGETS).toBe(meant === 'true')
})
