import { rootCertificates, TLSSocket } from 'node:tls'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { ConfigError } from '../config.ts'
import { consume } from '../consuming/consumer.ts'
import { setUpService } from '../setup.ts'
import { startService } from '../start-service.ts'
import { createLogger } from '../telemetry/log.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { certificate, TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { createTestDatabase, startTestService, waitUntil } from '../testing/index.ts'
import { connectionOptions, DatabaseClient, drizzleCredentials, type DatabaseSettings } from './connection.ts'
import { isConnectionLost } from './database-errors.ts'
import { openDatabase } from './database.ts'
import { dropDatabase, provisionDatabase } from './provision.ts'

const authority = certificate('authority')
const another = rootCertificates[0] as string

// The embedded PostgreSQL is built without TLS.
let proxy: TcpProxy
beforeAll(async () => {
  proxy = await TcpProxy.to(inject('databaseUrl'))
})
afterAll(() => proxy[Symbol.asyncDispose]())

/** How to reach a database by way of the proxy. */
function settings(sslmode: string | undefined, DATABASE_CA?: string, target = inject('databaseUrl')) {
  const url = new URL(target)
  Object.assign(url, { hostname: '127.0.0.1', port: new URL(proxy.url).port })
  if (sslmode !== undefined) url.searchParams.set('sslmode', sslmode)
  return { DATABASE_URL: url.href, DATABASE_CA }
}

/** @returns whether it was encrypted. */
async function connect(how: DatabaseSettings): Promise<boolean> {
  const client = new DatabaseClient(connectionOptions(how))
  await client.connect()
  await client.query('select 1')
  const { stream } = client.connection
  await client.end()
  return stream instanceof TLSSocket
}

describe('to a server that encrypts', () => {
  test.each([
    ['localhost', 'verify-full', authority],
    ['localhost', 'verify-full', `${another}\n${authority}`],
    ['elsewhere', 'verify-ca', authority],
    ['elsewhere', 'require', authority],
    ['elsewhere', 'require', undefined],
  ] as const)('the certificate of %s is accepted by sslmode=%s', async (name, sslmode, ca) => {
    proxy.encrypt(certificate(name))
    expect(await connect(settings(sslmode, ca))).toBe(true)
  })

  test.each([
    ['elsewhere', 'verify-full', authority, /altnames/],
    ['localhost', 'verify-full', another, /unable to verify|self-signed/],
    ['localhost', 'verify-full', undefined, /unable to verify|self-signed/],
    ['localhost', 'verify-ca', another, /unable to verify|self-signed/],
    ['localhost', 'require', another, /unable to verify|self-signed/],
  ] as const)(
    'the certificate of %s is refused by sslmode=%s, and the settings named',
    async (name, sslmode, ca, why) => {
      proxy.encrypt(certificate(name))
      const how = settings(sslmode, ca)
      const error = await connect(how).catch((error: Error) => error)
      expect(error).toBeInstanceOf(Error)
      // What needs the database waits for it, and no message is given up.
      expect(isConnectionLost(error)).toBe(true)
      expect(String(error)).toMatch(why)
      expect(String(error)).toMatch(
        /^Error: the certificate of PostgreSQL at 127\.0\.0\.1:\d+ is not accepted: .*DATABASE_CA/,
      )
      const pool = new pg.Pool(connectionOptions(how))
      await expect(pool.query('select 1')).rejects.toThrow((error as Error).message)
      await pool.end()
    },
  )

  test('drizzle-kit gets what it needs, and nothing where there is no database', async () => {
    proxy.encrypt(certificate('localhost'))
    const credentials = drizzleCredentials(settings('verify-full', authority))
    // As drizzle-kit does.
    const pool = new pg.Pool({ ...credentials, max: 1 })
    await pool.query('select 1')
    await pool.end()
    expect(drizzleCredentials({})).toEqual({ url: '' })
    expect(drizzleCredentials({ DATABASE_URL: 'postgres://127.0.0.1/orders' })).toMatchObject({ ssl: false })
  })

  test('a database is made there, and its URL asks for the same', async () => {
    proxy.encrypt(certificate('localhost'))
    const { DATABASE_URL } = settings('verify-full')
    const name = `feira_test_${crypto.randomUUID().slice(0, 8)}`
    const url = await provisionDatabase(DATABASE_URL, { name, ca: authority })
    expect(url).toContain('sslmode=verify-full')
    expect(await connect({ DATABASE_URL: url, DATABASE_CA: authority })).toBe(true)
    await dropDatabase(inject('databaseUrl'), name)
  })

  test('a service does all of its work there, also after a break, and says what is wrong with another certificate', async () => {
    const onNote = consume('on-note', noteWritten, async (message, tx) => leaveEffect(tx, message))
    const definition = notesService({ consumers: [onNote] })
    await using home = await startTestService(definition)
    await home.stop()
    const database = await createTestDatabase(definition)
    proxy.encrypt(certificate('localhost'))
    const env = { ...home.env, ...settings('verify-full', authority.replaceAll('\n', '\\n'), database.url) }
    const service = await startService(definition, env)
    const ready = async () => (await service.http.inject('/ready')).statusCode
    const publish = (name: string) => service.resources.transact(async tx => tx.publish(noteWritten, note(name)))
    await waitUntil('it is ready', async () => (await ready()) === 200)
    await publish('before')
    const effects = () => effectsOf(service.resources.query).catch((): string[] => [])
    await waitUntil('the message has come back', async () => (await effects()).length === 1)
    proxy.reset()
    // Its connections may still have to find out.
    const publishAgain = () =>
      publish('after').then(
        () => true,
        () => false,
      )
    await waitUntil('it can write again', publishAgain)
    await waitUntil('that one has, too', async () => (await effects()).includes('after'))
    proxy.encrypt(certificate('elsewhere'))
    await waitUntil('it is not ready', async () => (await ready()) === 503)
    const startedAt = performance.now()
    await expect(setUpService(definition, env, () => {})).rejects.toThrow(/not accepted: .*DATABASE_CA/)
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await service.stop()
    await database.drop()
  })
})

describe('to a server that does not', () => {
  const plain = (sslmode?: string) => {
    const url = new URL(inject('databaseUrl'))
    if (sslmode) url.searchParams.set('sslmode', sslmode)
    return { DATABASE_URL: url.href }
  }

  test.each([undefined, 'disable'])('sslmode=%s does not, either', async sslmode => {
    expect(await connect(plain(sslmode))).toBe(false)
  })

  test('nothing is sent in the clear by sslmode=require', async () => {
    await expect(connect(plain('require'))).rejects.toThrow('does not support SSL')
  })
})

describe('what contradicts itself is refused', () => {
  test.each([
    [
      { DATABASE_URL: 'postgres://127.0.0.1/x', DATABASE_CA: authority },
      /DATABASE_CA {2}is set, but DATABASE_URL has no sslmode/,
    ],
    [
      { DATABASE_URL: 'postgres://127.0.0.1/x?sslmode=verify-ca' },
      /DATABASE_CA {2}is missing; sslmode=verify-ca needs it/,
    ],
  ])('%#', (how, message) => {
    expect(() => connectionOptions(how)).toThrow(ConfigError)
    expect(() => connectionOptions(how)).toThrow(message)
  })
})

test('that nobody checks the server is said once', async () => {
  const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })
  const warn = vi.spyOn(log, 'warn')
  for (const how of [settings('require'), settings('require', authority), settings('verify-full'), settings('disable')])
    await openDatabase('test', { ...how, DATABASE_POOL: 4 }, log).close()
  expect(warn.mock.calls).toEqual([[expect.stringContaining('sslmode=verify-full')]])
})
