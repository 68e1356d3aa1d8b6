import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { ConfigError } from './config.ts'
import { consume } from './consuming/consumer.ts'
import type { App, Resources } from './service.ts'
import { startService } from './start-service.ts'
import { effectsOf, leaveEffect, note, notesService, noteWritten } from './testing/fixture/notes.ts'
import { Queues } from './testing/fixture/queues.ts'
import { startReplica } from './testing/fixture/replica.ts'
import { TcpProxy } from './testing/fixture/tcp-proxy.ts'
import { asUser, createTestDatabase, freePort, startTestService, testKey, waitUntil } from './testing/index.ts'

const onNote = consume('on-note', noteWritten, async (message, tx) => leaveEffect(tx, message))
const writeNote = (app: App, { transact }: Resources) => {
  app.post(
    '/notes',
    { config: { access: 'public' }, schema: { body: z.object({ noteId: z.string() }) } },
    async (request, reply) => {
      await transact(async tx => tx.publish(noteWritten, note(request.body.noteId)))
      return reply.code(201).send({})
    },
  )
}
const definition = notesService({ consumers: [onNote], routes: [writeNote] })

const write = (service: { http: App }, noteId: string) =>
  service.http.inject({ method: 'POST', url: '/notes', payload: { noteId } })

test('a message goes from one instance through the broker to its effect', async () => {
  await using service = await startTestService(definition)
  expect((await write(service, 'a')).statusCode).toBe(201)
  await waitUntil('it is handled', async () => (await effectsOf(service.resources.query)).length === 1)
})

test('while the broker is away it starts, says so, and takes requests, whose messages leave later', async () => {
  await using home = await startTestService(definition)
  await home.stop()
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  proxy.refuse()
  const service = await startService(definition, { ...home.env, BROKER_URL: proxy.url })
  const ready = await service.http.inject('/ready')
  expect(ready.statusCode).toBe(503)
  expect(ready.json()).toMatchObject({ code: 'not-ready', detail: 'broker: not available' })
  expect((await service.http.inject('/live')).statusCode).toBe(200)
  expect((await write(service, 'a')).statusCode).toBe(201)
  proxy.mend()
  await waitUntil('it is ready', async () => (await service.http.inject('/ready')).statusCode === 200)
  await waitUntil('the message is handled', async () => (await effectsOf(service.resources.query)).length === 1)
  await service.stop()
})

test('a port that is taken is an error that names it, and leaves nothing open', async () => {
  await using home = await startTestService(definition)
  const database = await createTestDatabase(definition)
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const starting = startService(definition, { ...home.env, DATABASE_URL: database.url, PORT: String(port) })
  await expect(starting).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  other.close()
  await waitUntil('its connections are closed', async () => (await connectionsTo(database.url, home.resources)) === 0)
  await database.drop()
})

test('every bad setting is named at once', async () => {
  const starting = startService(definition, { DATABASE_URL: 'mysql://secret', LOG_LEVEL: 'loud' })
  await expect(starting).rejects.toBeInstanceOf(ConfigError)
  await expect(starting).rejects.toMatchObject({ variables: ['DATABASE_URL', 'BROKER_URL', 'LOG_LEVEL'] })
})

test('a crash point is refused in production', async () => {
  const settings = {
    DATABASE_URL: 'postgres://127.0.0.1/nothing',
    BROKER_URL: 'amqp://127.0.0.1',
    NODE_ENV: 'production',
    AUTH_ISSUER: 'https://issuer.test',
    AUTH_JWKS_URL: 'https://issuer.test/jwks.json',
  }
  const starting = startService(definition, { ...settings, CRASH_AT: 'before-ack' })
  await expect(starting).rejects.toMatchObject({ variables: ['CRASH_AT'] })
})

test('with a delay it goes on answering for a while, and says that it will not', async () => {
  await using service = await startTestService(definition, { SHUTDOWN_DELAY: '2s' })
  const stopping = service.stop()
  expect((await fetch(`${service.url}/ready`)).status).toBe(503)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${service.url}/notes`, { method: 'POST', headers, body: '{"noteId":"late"}' })
  expect([answer.status, answer.headers.get('connection')]).toEqual([201, 'close'])
  await stopping
  await expect(fetch(`${service.url}/live`)).rejects.toThrow('fetch failed')
})

test('a delay that leaves no time for anything else is refused', async () => {
  const settings = { DATABASE_URL: 'postgres://127.0.0.1/nothing', BROKER_URL: 'amqp://127.0.0.1' }
  const starting = startService(definition, { ...settings, SHUTDOWN_DELAY: '9s' })
  await expect(starting).rejects.toMatchObject({ variables: ['SHUTDOWN_DELAY'] })
})

test('the issuer of tokens must be named in production', async () => {
  const settings = {
    NODE_ENV: 'production',
    DATABASE_URL: 'postgres://127.0.0.1/notes',
    BROKER_URL: 'amqp://127.0.0.1',
  }
  const starting = startService(definition, { ...settings, AUTH_ISSUER: '' })
  await expect(starting).rejects.toMatchObject({ variables: ['AUTH_ISSUER', 'AUTH_JWKS_URL'] })
})

test('before it listens it does what its startup says, in turn, and ends it when it stops', async () => {
  const done: string[] = []
  const first = async ({ query }: Resources) => {
    await query({ text: `insert into effects (note_id, message_id) values ('first', 'startup')` })
    done.push('first')
    return () => void done.push('first ended')
  }
  const second = async ({ query }: Resources) => void done.push(...(await effectsOf(query)), 'second')
  const home = await startTestService(notesService({ startup: [first, second] }))
  expect(done).toEqual(['first', 'first', 'second'])
  await home[Symbol.asyncDispose]()
  expect(done.slice(3)).toEqual(['first ended'])
})

test('what its startup throws keeps it from listening, and ends what was begun', async () => {
  await using home = await startTestService(definition)
  let ended = 0
  const begin = async () => () => void ended++
  const refuse = async () => Promise.reject(new Error('not today'))
  const database = await createTestDatabase(definition)
  const starting = startService(notesService({ startup: [begin, refuse] }), { ...home.env, DATABASE_URL: database.url })
  await expect(starting).rejects.toThrow('not today')
  expect(ended).toBe(1)
  await waitUntil('its connections are closed', async () => (await connectionsTo(database.url, home.resources)) === 0)
  await database.drop()
})

test('a service verifies with its own keys as soon as it listens', async () => {
  const port = await freePort()
  const publishKeys = (app: App) => {
    app.get('/auth/jwks.json', { config: { access: 'public' } }, async () => ({ keys: [testKey.jwk] }))
  }
  const greet = (app: App) => void app.get('/hello', { config: { access: ['user'] } }, async () => ({ hello: 'you' }))
  const env = { PORT: String(port), AUTH_JWKS_URL: `http://127.0.0.1:${port}/auth/jwks.json` }
  await using service = await startTestService(notesService({ routes: [publishKeys, greet] }), env)
  const asked = performance.now()
  const answer = await service.http.inject({ url: '/hello', headers: asUser() })
  expect(answer.statusCode).toBe(200)
  // Not by the second attempt, a second after a first that came too early.
  expect(performance.now() - asked).toBeLessThan(800)
})

test('a stopped service leaves no connection behind, however often it is told', async () => {
  const database = await createTestDatabase(definition)
  await using home = await startTestService(definition)
  const service = await startReplica(definition, { ...home.env, DATABASE_URL: database.url })
  expect((await write(service, 'a')).statusCode).toBe(201)
  expect(await connectionsTo(database.url, home.resources)).toBeGreaterThan(1)
  await Promise.all([service.stop(), service.stop()])
  await waitUntil('its connections are closed', async () => (await connectionsTo(database.url, home.resources)) === 0)
  await database.drop()
})

test('from the moment it is told to stop it is not ready', async () => {
  await using service = await startTestService(definition)
  const stopping = service.stop()
  const reply = await service.http.inject('/ready')
  expect(reply.statusCode).toBe(503)
  expect(reply.json()).toMatchObject({ detail: 'the service is stopping' })
  await stopping
})

test('two instances side by side handle everything once', async () => {
  await using service = await startTestService(definition)
  await using replica = await startReplica(definition, service.env)
  await using queues = await Queues.of(service.env)
  const ids = Array.from({ length: 100 }, (_, index) => `note-${index}`)
  await Promise.all(ids.map((id, index) => write(index % 2 === 0 ? service : replica, id)))
  await waitUntil('all are handled', async () => (await effectsOf(service.resources.query)).length >= 100)
  expect((await effectsOf(service.resources.query)).toSorted()).toEqual(ids.toSorted())
  expect(await queues.depth('notes.on-note')).toBe(0)
})

async function connectionsTo(databaseUrl: string, { query }: Resources): Promise<number> {
  const { rows } = await query<{ count: number }>({
    text: 'select count(*)::int from pg_stat_activity where datname = $1',
    values: [new URL(databaseUrl).pathname.slice(1)],
  })
  return rows[0]?.count ?? -1
}
