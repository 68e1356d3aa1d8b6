import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { waitUntil } from '../testing/index.ts'
import { listen } from './listen.ts'

const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })
const client = new pg.Client({ connectionString: inject('databaseUrl') })

beforeAll(() => client.connect())
afterAll(() => client.end())

const connections = async (channel: string) =>
  (await client.query('select pid from pg_stat_activity where application_name = $1', [`listens to ${channel}`])).rows

/** Listens on a channel of its own, and counts what it hears. */
async function startListening() {
  const channel = `test ${randomBytes(6).toString('hex')}`
  const heard = { count: 0 }
  const onNotice = () => void heard.count++
  const stop = listen({ config: { DATABASE_URL: inject('databaseUrl') }, channel, log, onNotice })
  onTestFinished(stop)
  await waitUntil('it listens', () => heard.count === 1)
  return { channel, heard, stop, notify: () => client.query('select pg_notify($1, $2)', [channel, '']) }
}

test('what a transaction notifies is heard', async () => {
  const { heard, notify } = await startListening()
  await notify()
  await expect.poll(() => heard.count, { timeout: 15_000 }).toBe(2)
})

test('a lost connection comes back, and tells that something may have been missed', async () => {
  const { channel, heard, notify } = await startListening()
  const [lost] = await connections(channel)
  await client.query('select pg_terminate_backend($1)', [lost.pid])
  await waitUntil('it listens again', () => heard.count === 2)
  await notify()
  await expect.poll(() => heard.count, { timeout: 15_000 }).toBe(3)
})

test('stopped, it leaves no connection behind', async () => {
  const { channel, stop } = await startListening()
  expect(await connections(channel)).toHaveLength(1)
  await stop()
  await waitUntil('the connection is closed', async () => (await connections(channel)).length === 0)
})
