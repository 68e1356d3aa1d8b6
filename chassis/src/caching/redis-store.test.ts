import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { countOf } from '../testing/fixture/counts.ts'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { answers, freePort, startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { cachedNotes, Gate, put, read } from './cached-notes.testing.ts'
import { openRedisStore } from './redis-store.ts'

const REDIS_URL = 'redis://127.0.0.1:6379'
const hasRedis = await answers(6379)
const hasBinary = spawnSync('redis-server', ['--version']).error === undefined

/** What a service keeps in Redis; disposing of it removes that. */
async function keysOf({ env }: TestService) {
  const redis = new Redis(REDIS_URL)
  const list = () => redis.keys(`${env['BROKER_NAMESPACE']}*`)
  return {
    redis,
    list,
    async [Symbol.asyncDispose]() {
      const keys = await list()
      if (keys.length > 0) await redis.del(...keys)
      redis.disconnect()
    },
  }
}

test.runIf(hasRedis)('replicas share what one of them loaded, and forget it together', async () => {
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using keys = await keysOf(service)
  await using replica = await startReplica(cachedNotes(), service.env)
  await put(service, 'milk')
  expect(await read(service)).toEqual(['milk', 'MISS'])
  await waitUntil('it is kept', async () => (await keys.list()).some(key => key.endsWith('feira:notes:value:note:a')))
  expect(await read(replica)).toEqual(['milk', 'HIT'])
  await put(service, 'eggs')
  // At once: the transaction ends when Redis knows.
  expect(await read(replica)).toEqual(['eggs', 'MISS'])
  await service.deliver(noteWritten, note('a', 'bread'))
  expect((await read(replica))[0]).toBe('bread')
})

test.runIf(hasRedis)(
  'an answer that was read before an invalidation by another replica is never found after it',
  async () => {
    const gate = new Gate()
    await using service = await startTestService(cachedNotes(gate), { REDIS_URL })
    await using keys = await keysOf(service)
    await using replica = await startReplica(cachedNotes(), service.env)
    await put(service, 'milk')
    gate.close()
    const early = read(service)
    await waitUntil('it has read the old note', () => gate.waiting === 1)
    await put(replica, 'eggs')
    const late = read(service)
    await waitUntil('a later request does not join it', () => gate.waiting === 2)
    gate.open()
    expect(await early).toEqual(['milk', 'MISS'])
    expect(await late).toEqual(['eggs', 'MISS'])
    expect((await read(replica))[0]).toBe('eggs')
    await waitUntil('it is kept', async () => (await read(replica))[1] === 'HIT')
    expect(await keys.redis.get(`${service.env['BROKER_NAMESPACE']}feira:notes:value:note:a`)).toContain('eggs')
  },
)

test.runIf(hasRedis)('requests for the same key load once', async () => {
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using _keys = await keysOf(service)
  const gate = new Gate()
  gate.close()
  const serve = (key: string, load: () => Promise<void>) =>
    service.resources.cache.serve({ header: () => {} }, { key, tags: ['notes'] }, load)
  const reads = [serve('list', () => gate.pass())]
  await waitUntil('the first loads', () => gate.waiting === 1)
  for (let n = 0; n < 10; n++) reads.push(serve('list', () => gate.pass()))
  // Redis answers in order, so when this is back the others know that nothing is kept yet.
  await serve('other', async () => {})
  gate.open()
  await Promise.all(reads)
  expect(gate.passed).toBe(1)
})

test.runIf(hasRedis)('a version that Redis evicted is a miss, not a return of what was kept before', async () => {
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using keys = await keysOf(service)
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  await service.resources.query({ text: `update notes set body = 'eggs'` })
  const tags = (await keys.list()).filter(key => key.includes(':tag:'))
  expect(tags).toHaveLength(1)
  await keys.redis.del(...tags)
  expect(await read(service)).toEqual(['eggs', 'MISS'])
})

test.runIf(hasRedis)('what nobody asks for goes by itself', async () => {
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using keys = await keysOf(service)
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  const names = await keys.list()
  expect(names).toHaveLength(3)
  for (const name of names) expect(await keys.redis.pttl(name), name).toBeGreaterThan(0)
})

test.runIf(hasRedis)('a silent Redis costs no more than its timeout, and soon nothing', async () => {
  await using proxy = await TcpProxy.to(REDIS_URL)
  await using service = await startTestService(cachedNotes(), { REDIS_URL: proxy.url })
  await using _keys = await keysOf(service)
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  proxy.swallow()
  await waitUntil('the breaker opens', async () => {
    expect(await read(service)).toEqual(['milk', 'MISS'])
    return (await breakerIs(service, 'open')) === 1
  })
  expect(await countOf(service.resources.metrics, 'cache_errors_total')).toBeGreaterThan(1)
  const rejections = await countOf(service.resources.metrics, 'circuit_breaker_rejections_total')
  expect(await read(service)).toEqual(['milk', 'MISS'])
  expect(await countOf(service.resources.metrics, 'circuit_breaker_rejections_total')).toBeGreaterThan(rejections)
  proxy.mend()
  await waitUntil('it is used again', async () => (await read(service))[1] === 'HIT')
})

test.runIf(hasRedis)('however many transactions end at once, each ends when Redis knows', async () => {
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using keys = await keysOf(service)
  const options = { url: REDIS_URL, prefix: `${service.env['BROKER_NAMESPACE']}many:`, ttl: 1_000, onError: () => {} }
  const store = await openRedisStore({ ...options, log: service.resources.log, registry: new Registry() })
  await Promise.all(Array.from({ length: 300 }, async (_, n) => store.invalidate([`note:${n}`])))
  expect((await keys.list()).filter(key => key.includes('many:tag:'))).toHaveLength(300)
  await store.close()
})

test.runIf(hasRedis)('what Redis could not be told is told before it is believed again', async () => {
  await using proxy = await TcpProxy.to(REDIS_URL)
  await using service = await startTestService(cachedNotes(), { REDIS_URL })
  await using _keys = await keysOf(service)
  await using cutOff = await startReplica(cachedNotes(), { ...service.env, REDIS_URL: proxy.url })
  await put(service, 'milk')
  await read(cutOff)
  await waitUntil('it is kept', async () => (await read(cutOff))[1] === 'HIT')
  proxy.refuse()
  await put(cutOff, 'eggs')
  expect(await read(cutOff)).toEqual(['eggs', 'MISS'])
  // Nobody could tell the other one.
  expect(await read(service)).toEqual(['milk', 'HIT'])
  proxy.mend()
  await waitUntil('the other one knows', async () => {
    expect((await read(cutOff))[0]).toBe('eggs')
    return (await read(service))[0] === 'eggs'
  })
})

test.runIf(hasBinary)('a Redis that is full, so that it cannot be told, is not believed', async () => {
  const port = await freePort()
  await using own = await startRedis(port)
  const redis = new Redis(port)
  await using service = await startTestService(cachedNotes(), { REDIS_URL: `redis://127.0.0.1:${port}` })
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  await redis.config('SET', 'maxmemory', '1')
  await put(service, 'eggs')
  expect(await read(service)).toEqual(['eggs', 'MISS'])
  await redis.config('SET', 'maxmemory', '0')
  await waitUntil('it is told and used again', async () => (await read(service))[1] === 'HIT')
  expect(await read(service)).toEqual(['eggs', 'HIT'])
  redis.disconnect()
  await own.kill()
})

test.runIf(hasBinary)('a Redis that is killed is loaded around, and used again when it is back', async () => {
  const port = await freePort()
  await using first = await startRedis(port)
  await using service = await startTestService(cachedNotes(), { REDIS_URL: `redis://127.0.0.1:${port}` })
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  await first.kill()
  expect(await read(service)).toEqual(['milk', 'MISS'])
  await put(service, 'eggs')
  expect(await read(service)).toEqual(['eggs', 'MISS'])
  expect((await service.http.inject('/ready')).statusCode).toBe(200)
  await using _second = await startRedis(port)
  await waitUntil('it is used again', async () => (await read(service))[1] === 'HIT')
  expect(await read(service)).toEqual(['eggs', 'HIT'])
})

test.runIf(hasBinary)('a Redis that became a replica is left for the one that took its place', async () => {
  const [oldPort, newPort] = [await freePort(), await freePort()]
  await using _old = await startRedis(oldPort)
  await using _new = await startRedis(newPort)
  const redis = new Redis(oldPort)
  await using proxy = await TcpProxy.to(`redis://127.0.0.1:${oldPort}`)
  await using service = await startTestService(cachedNotes(), { REDIS_URL: proxy.url })
  await put(service, 'milk')
  await read(service)
  await waitUntil('it is kept', async () => (await read(service))[1] === 'HIT')
  await redis.replicaof('127.0.0.1', newPort)
  proxy.redirect(`redis://127.0.0.1:${newPort}`)
  await put(service, 'eggs')
  expect(await read(service)).toEqual(['eggs', 'MISS'])
  await waitUntil('the new one is used', async () => (await read(service))[1] === 'HIT')
  expect(await read(service)).toEqual(['eggs', 'HIT'])
  redis.disconnect()
})

test('without its Redis a service starts, and is ready', async () => {
  const port = await freePort()
  await using service = await startTestService(cachedNotes(), { REDIS_URL: `redis://127.0.0.1:${port}` })
  await put(service, 'milk')
  expect(await read(service)).toEqual(['milk', 'MISS'])
  expect(await read(service)).toEqual(['milk', 'MISS'])
})

function breakerIs({ resources }: TestService, state: string): Promise<number> {
  return countOf(resources.metrics, 'circuit_breaker_state', { name: 'redis', state })
}

/** A Redis of the test's own, which keeps nothing. */
async function startRedis(port: number) {
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  await waitUntil('Redis answers', () => answers(port))
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return { kill, [Symbol.asyncDispose]: kill }
}
