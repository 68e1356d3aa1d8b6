import { pino } from 'pino'
import { expect, inject, test } from 'vitest'
import { onConnection } from '../broker/broker.ts'
import { countOf } from '../testing/fixture/counts.ts'
import { note, noteWritten } from '../testing/fixture/notes.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil } from '../testing/index.ts'
import { cachedNotes, Gate, put, read, writeNote } from './cached-notes.testing.ts'
import { joinReplicas } from './replicas.ts'

test('the second answer comes from the cache, until a transaction invalidates one of its tags', async () => {
  await using service = await startTestService(cachedNotes())
  await put(service, 'milk')
  expect(await read(service)).toEqual(['milk', 'MISS'])
  expect(await read(service)).toEqual(['milk', 'HIT'])
  await put(service, 'bread', 'b')
  expect(await read(service)).toEqual(['milk', 'HIT'])
  await put(service, 'eggs')
  expect(await read(service)).toEqual(['eggs', 'MISS'])
  const { metrics } = service.resources
  expect(await countOf(metrics, 'cache_answers_total', { result: 'hit' })).toBe(2)
  expect(await countOf(metrics, 'cache_answers_total', { result: 'miss' })).toBe(2)
  expect(await countOf(metrics, 'cache_entries')).toBe(1)
})

test('a consumer invalidates as a request does', async () => {
  await using service = await startTestService(cachedNotes())
  await put(service, 'milk')
  await read(service)
  await service.deliver(noteWritten, note('a', 'eggs'))
  expect(await read(service)).toEqual(['eggs', 'MISS'])
})

test('what is thrown instead of loaded is not kept', async () => {
  await using service = await startTestService(cachedNotes())
  expect((await service.http.inject('/notes/a')).statusCode).toBe(404)
  expect((await service.http.inject('/notes/a')).statusCode).toBe(404)
  await put(service, 'milk')
  expect(await read(service)).toEqual(['milk', 'MISS'])
})

test('a transaction that does not commit invalidates nothing', async () => {
  await using service = await startTestService(cachedNotes())
  await put(service, 'milk')
  await read(service)
  const { transact } = service.resources
  const failing = transact(async tx => {
    await writeNote(tx, 'a', 'eggs')
    throw new Error('on second thoughts')
  })
  await expect(failing).rejects.toThrow('on second thoughts')
  expect(await read(service)).toEqual(['milk', 'HIT'])
  const swallowing = transact(async tx => {
    await writeNote(tx, 'a', 'eggs')
    await tx.query({ text: 'select nonsense' }).catch(() => {})
  })
  await expect(swallowing).rejects.toThrow('nothing was written')
  expect(await read(service)).toEqual(['milk', 'HIT'])
})

test('an answer that was read before an invalidation is never kept after it', async () => {
  const gate = new Gate()
  await using service = await startTestService(cachedNotes(gate))
  await put(service, 'milk')
  gate.close()
  const early = read(service)
  await waitUntil('it has read the old note', () => gate.waiting === 1)
  await put(service, 'eggs')
  const late = read(service)
  await waitUntil('a later request does not join it', () => gate.waiting === 2)
  gate.open()
  expect(await early).toEqual(['milk', 'MISS'])
  expect(await late).toEqual(['eggs', 'MISS'])
  expect(await read(service)).toEqual(['eggs', 'HIT'])
})

test('requests for the same key load once', async () => {
  const gate = new Gate()
  await using service = await startTestService(cachedNotes(gate))
  await put(service, 'milk')
  gate.close()
  const reads = Array.from({ length: 10 }, () => read(service))
  await waitUntil('one of them loads', () => gate.waiting === 1)
  gate.open()
  expect(await Promise.all(reads)).toEqual(reads.map(() => ['milk', 'MISS']))
  expect(gate.passed).toBe(1)
})

test('a replica hears of an invalidation', async () => {
  await using service = await startTestService(cachedNotes())
  await using replica = await startReplica(cachedNotes(), service.env)
  await put(service, 'milk')
  // The first invalidation may still be on its way.
  await waitUntil('the replica has it', async () => (await read(replica))[1] === 'HIT')
  await put(service, 'eggs')
  await waitUntil('the replica knows', async () => (await read(replica))[0] === 'eggs')
  expect(await read(service)).toEqual(['eggs', 'MISS'])
})

test('a replica that cannot hear caches nothing, and forgets what it knew', async () => {
  await using service = await startTestService(cachedNotes())
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using replica = await startReplica(cachedNotes(), { ...service.env, BROKER_URL: proxy.url })
  await put(service, 'milk')
  await waitUntil('it caches', async () => (await read(replica))[1] === 'HIT')
  proxy.refuse()
  await waitUntil('it notices', async () => (await read(replica))[1] === 'MISS')
  await put(service, 'eggs')
  expect(await read(replica)).toEqual(['eggs', 'MISS'])
  expect(await read(replica)).toEqual(['eggs', 'MISS'])
  proxy.mend()
  await waitUntil('it caches again', async () => (await read(replica))[1] === 'HIT')
  expect(await read(replica)).toEqual(['eggs', 'HIT'])
})

test('what could not be told while the broker was away is told when it is back', async () => {
  await using service = await startTestService(cachedNotes())
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using replica = await startReplica(cachedNotes(), { ...service.env, BROKER_URL: proxy.url })
  await put(service, 'milk')
  await read(service)
  proxy.refuse()
  await waitUntil('the replica is cut off', () => proxy.connections === 0)
  await put(replica, 'eggs')
  expect(await read(service)).toEqual(['milk', 'HIT'])
  proxy.mend()
  await waitUntil('the other one knows', async () => (await read(service))[0] === 'eggs')
})

test('what the broker took but did not confirm is told again', async () => {
  await using service = await startTestService(cachedNotes())
  await using proxy = await TcpProxy.to(inject('brokerUrl'))
  await using replica = await startReplica(cachedNotes(), { ...service.env, BROKER_URL: proxy.url })
  await put(service, 'milk')
  await read(service)
  proxy.swallow()
  await put(replica, 'eggs')
  expect(await read(service)).toEqual(['milk', 'HIT'])
  proxy.mend()
  await waitUntil('the other one knows', async () => (await read(service))[0] === 'eggs')
})

test('services do not hear each other, and a message that nobody can read means everything', async () => {
  await using service = await startTestService(cachedNotes())
  const { BROKER_URL: url = '', BROKER_NAMESPACE: namespace = '' } = service.env
  const told: unknown[] = []
  const options = { url, namespace, log: pino({ level: 'silent' }), onHearing: () => {} }
  const same = await joinReplicas({ ...options, service: 'notes', onTold: tags => told.push(tags) })
  const other = await joinReplicas({ ...options, service: 'letters', onTold: () => expect.unreachable() })
  await waitUntil('they hear', () => same.hearing && other.hearing)
  await put(service, 'milk')
  await waitUntil('the one of the same name is told', () => told.length === 1)
  await onConnection(url, async model => {
    const channel = await model.createConfirmChannel()
    channel.publish(`${namespace}feira.cache`, 'notes', Buffer.from('{"from":'))
    await channel.waitForConfirms()
  })
  await waitUntil('it is told more', () => told.length === 2)
  expect(told).toEqual([['note:a'], 'all'])
  await Promise.all([same.close(), other.close()])
})

test('where the broker refuses what the cache needs, a service is ready nonetheless, and loads', async () => {
  await using home = await startTestService(cachedNotes())
  await home.stop()
  const { BROKER_URL: url = '', BROKER_NAMESPACE: namespace = '' } = home.env
  const exchange = `${namespace}feira.cache`
  await onConnection(url, async model => {
    const channel = await model.createChannel()
    // With stop() its queue went, and with that the exchange.
    await channel.assertExchange(exchange, 'fanout', { durable: false, autoDelete: false })
    await using service = await startReplica(cachedNotes(), home.env)
    await put(service, 'milk')
    expect(await read(service)).toEqual(['milk', 'MISS'])
    expect(await read(service)).toEqual(['milk', 'MISS'])
    await channel.deleteExchange(exchange)
    await waitUntil('it caches as soon as it may', async () => (await read(service))[1] === 'HIT')
  })
})

test('CACHE_TTL=0s keeps nothing', async () => {
  await using service = await startTestService(cachedNotes(), { CACHE_TTL: '0s' })
  await put(service, 'milk')
  expect(await read(service)).toEqual(['milk', 'MISS'])
  expect(await read(service)).toEqual(['milk', 'MISS'])
})

test('CACHE_TTL ends the life of an answer that nobody invalidates', async () => {
  await using service = await startTestService(cachedNotes(), { CACHE_TTL: '2s' })
  await put(service, 'milk')
  await read(service)
  await service.resources.query({ text: `update notes set body = 'eggs'` })
  expect(await read(service)).toEqual(['milk', 'HIT'])
  await waitUntil('it is loaded again', async () => (await read(service))[0] === 'eggs')
})

test('an answer has been through JSON, whether it was kept or not', async () => {
  await using service = await startTestService(cachedNotes())
  const reply = { header: () => {} }
  const load = async () => ({ at: new Date(0), none: undefined, list: [1] })
  const entry = { key: 'clock', tags: [] }
  const { cache } = service.resources
  const loaded = await cache.serve(reply, entry, load)
  expect(loaded).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [1] })
  const at: string = loaded.at
  expect(at).toBe(loaded.at)
  // A reader that changes what it got changes nobody else's.
  loaded.list.push(2)
  expect(await cache.serve(reply, entry, load)).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [1] })
  const nothing = { key: 'nothing', tags: [] }
  expect(await cache.serve(reply, nothing, async () => undefined)).toBeUndefined()
})
