import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { connectBroker, onConnection } from './broker/broker.ts'
import { isCertificateRefused } from './certificates.ts'
import { connectRedis } from './connect-redis.ts'
import { connectionOptions, DatabaseClient } from './database/connection.ts'
import { createLogger } from './telemetry/log.ts'
import { processService } from './testing/fixture/main.ts'
import { effectsOf } from './testing/fixture/notes.ts'
import { ServiceProcess } from './testing/fixture/service-process.ts'
import { certificate, TcpProxy } from './testing/fixture/tcp-proxy.ts'
import { answers, startTestService, waitUntil } from './testing/index.ts'

const NODE_EXTRA_CA_CERTS = fileURLToPath(new URL('testing/fixture/certificates/authority.pem', import.meta.url))
const redisUrl = 'redis://127.0.0.1:6379'
const hasRedis = await answers(6379)

/** The servers of a service, each behind a proxy that shows the certificate of `localhost`, and what leads there. */
async function openServers() {
  const home = await startTestService(processService)
  await home.stop()
  const { DATABASE_URL = '' } = home.env
  const database = await TcpProxy.to(DATABASE_URL)
  const broker = await TcpProxy.to(inject('brokerUrl'))
  const redis = await TcpProxy.to(redisUrl)
  const all = [database, broker, redis]
  for (const proxy of all) proxy.encrypt(certificate('localhost'))
  const client = new pg.Client(DATABASE_URL)
  await client.connect()
  onTestFinished(async () => {
    await client.end()
    for (const proxy of all) await proxy[Symbol.asyncDispose]()
    await home[Symbol.asyncDispose]()
  })
  return {
    database,
    broker,
    redis,
    all,
    plain: home.env,
    env: {
      ...home.env,
      DATABASE_URL: `${database.url}?sslmode=verify-full`,
      BROKER_URL: broker.url,
      REDIS_URL: redis.url,
    },
    effects: () => effectsOf(statement => client.query(statement)),
  }
}

const statusOf = async (url: string, path: string) => (await fetch(url + path).catch(() => undefined))?.status

async function write(url: string, noteId: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const attempt = () => fetch(`${url}/notes`, { method: 'POST', headers, body: JSON.stringify({ noteId }) })
  await waitUntil('the note is written', async () => (await attempt().catch(() => undefined))?.status === 201)
}

test('with NODE_EXTRA_CA_CERTS a service works over encrypted connections alone, and makes them anew', async () => {
  const { all, redis, env, effects } = await openServers()
  expect([env.BROKER_URL, env.REDIS_URL].map(url => new URL(url).protocol)).toEqual(['amqps:', 'rediss:'])
  await using service = await ServiceProcess.start({ ...env, NODE_EXTRA_CA_CERTS })
  await waitUntil('it is ready', async () => (await statusOf(service.url, '/ready')) === 200)
  await write(service.url, 'first')
  await waitUntil('its message has come back', async () => (await effects()).includes('first'))
  if (hasRedis) await waitUntil('it is connected to Redis', () => redis.connections === 1)
  for (const proxy of all) proxy.reset()
  await write(service.url, 'second')
  await waitUntil('its message has come back', async () => (await effects()).includes('second'))
  if (hasRedis) await waitUntil('it is connected to Redis again', () => redis.connections === 1 && redis.accepted > 1)
  expect(service.log).not.toContain('not accepted')
  service.signal('SIGTERM')
  expect(await service.exited).toBe(0)
})

test('what nobody trusts is said, with what would be; a service lives on without its broker and Redis', async () => {
  const { plain, env, broker, redis } = await openServers()
  for (const proxy of [broker, redis]) proxy.encrypt(certificate('elsewhere'))
  await using service = await ServiceProcess.start({ ...env, NODE_EXTRA_CA_CERTS })
  const says = (server: string) =>
    waitUntil(`it speaks of ${server}`, () =>
      new RegExp(`certificate of ${server} at 127.0.0.1:\\d+ is not accepted: .*NODE_EXTRA_CA_CERTS`).test(service.log),
    )
  await says('the broker')
  if (hasRedis) await says('Redis')
  expect(await statusOf(service.url, '/ready')).toBe(503)
  broker.encrypt(certificate('localhost'))
  await waitUntil(
    'it is ready without being started again',
    async () => (await statusOf(service.url, '/ready')) === 200,
  )

  const startedAt = performance.now()
  await using setup = await ServiceProcess.start({ ...plain, BROKER_URL: broker.url }, 'setup')
  expect(await setup.exited).toBe(1)
  expect(setup.stderr).toMatch(/^app-notes cannot start: the certificate of the broker at .*\n$/)
  expect(performance.now() - startedAt).toBeLessThan(25_000)
})

describe('a login with any characters in it', () => {
  const secret = `é§/?#[]@!$&'()*+,;=:% "\\^\`{|}<>`
  const escaped = encodeURIComponent(secret)
  const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })

  test('reaches PostgreSQL', async () => {
    const admin = new pg.Client(inject('databaseUrl'))
    await admin.connect()
    const role = `feira test ${crypto.randomUUID().slice(0, 8)} @/é`
    await admin.query(`create role ${pg.escapeIdentifier(role)} login password ${pg.escapeLiteral(secret)}`)
    const url = new URL(inject('databaseUrl'))
    Object.assign(url, { username: encodeURIComponent(role), password: escaped })
    const client = new DatabaseClient(connectionOptions({ DATABASE_URL: url.href }))
    await client.connect()
    expect((await client.query('select current_user as me')).rows).toEqual([{ me: role }])
    await client.end()
    await admin.query(`drop role ${pg.escapeIdentifier(role)}`)
    await admin.end()
  })

  test('reaches the broker, whichever way it is connected to', async () => {
    const broker = await listenIn(inject('brokerUrl'))
    const url = broker.url.replace('//', `//feira:${escaped}@`)
    await expect(onConnection(url, async () => {})).rejects.toThrow(/ACCESS.REFUSED|closed|login/i)
    expect(broker.heard()).toContain(`\0feira\0${secret}`)
    broker.forget()
    const options = { name: 'test', url, log, setup: async () => {}, onDisconnect: () => {} }
    const connection = await connectBroker(options)
    await waitUntil('it tries', () => broker.heard().includes(`\0feira\0${secret}`))
    await connection.close()
  })

  test.runIf(hasRedis)('reaches Redis, with a name or without', async () => {
    for (const name of ['', 'feira']) {
      const server = await listenIn(redisUrl)
      const url = server.url.replace('//', `//${name}:${escaped}@`)
      const redis = await connectRedis(url, { name: 'test', log, whenAway: '' })
      await waitUntil('it tries', () => server.heard() !== '')
      redis.disconnect()
      expect(server.heard()).toContain(`\r\n${secret}\r\n`)
    }
  })
})

/** Passes on what is said to a server, and keeps it. */
async function listenIn(target: string) {
  const { hostname, port, protocol } = new URL(target)
  let heard = Buffer.alloc(0)
  const sockets: Socket[] = []
  const listener = createServer(client => {
    const server = connect(Number(port || 5672), hostname)
    sockets.push(client, server)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const)
      // prettier-ignore
      from.on('error', () => to.destroy()).on('close', () => to.destroy()).pipe(to)
    client.on('data', data => (heard = Buffer.concat([heard, data])))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    url: `${protocol}//127.0.0.1:${(listener.address() as AddressInfo).port}`,
    heard: () => heard.toString(),
    forget: () => void (heard = Buffer.alloc(0)),
  }
}

test('an error of another kind is no refusal', () => {
  const errorOf = (code: string) => Object.assign(new Error(code), { code })
  for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])
    expect(isCertificateRefused(new Error('around', { cause: errorOf(code) }))).toBe(true)
  for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', 'EPROTO'])
    expect(isCertificateRefused(errorOf(code))).toBe(false)
})
