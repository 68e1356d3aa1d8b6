import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { countOf } from '../testing/fixture/counts.ts'
import { effectsOf, leaveEffect, note, noteFiled, notesService, noteWritten } from '../testing/fixture/notes.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { startReplica } from '../testing/fixture/replica.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { startTestService, waitUntil, type TestService } from '../testing/index.ts'
import { consume, perform } from './consumer.ts'
import { replayDeadLetters } from './dead-letters.ts'

const fails = 'fails'
const onNote = consume(
  'on-note',
  noteWritten,
  async (message, tx) => {
    if (message.data.body === fails) throw new Error('not now')
    await leaveEffect(tx, message)
  },
  // Long enough to be seen, and no more than once.
  { retryDelays: [500, 501] },
)
const { promise: released, resolve: release } = Promise.withResolvers<void>()
const onFiled = perform(
  'on-filed',
  noteFiled,
  { claim: async ({ data }) => data, act: () => released, settle: async () => {} },
  { maxInFlight: 1, retryDelays: [] },
)
const definition = notesService({ consumers: [onNote, onFiled] })

let service: TestService
let queues: Queues
beforeAll(async () => {
  service = await startTestService(definition)
  queues = await Queues.of(service.env)
})
afterAll(async () => {
  await queues[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

type Labels = Record<string, string>
const registry = () => service.resources.metrics
const messages = (labels: Labels) => countOf(registry(), 'queue_messages', { queue: 'notes.on-note', ...labels })
const seriesOf = async (name: string, { resources }: Pick<TestService, 'resources'> = service) =>
  ((await resources.metrics.getSingleMetric(name)?.get())?.values ?? []).map(({ labels }) => labels)

test('each consumer has its queues and dead letters, empty ones as 0, by names without the namespace', async () => {
  expect(await seriesOf('queue_messages')).toEqual(
    ['on-note', 'on-filed'].flatMap(name => ['work', 'retry', 'dead'].map(kind => ({ queue: `notes.${name}`, kind }))),
  )
  const each = [{ queue: 'notes.on-note' }, { queue: 'notes.on-filed' }]
  expect(await seriesOf('queue_consumers')).toEqual(each)
  expect(await seriesOf('dead_letters')).toEqual(each)
  expect(await countOf(registry(), 'queue_messages')).toBe(0)
  expect(await countOf(registry(), 'dead_letters')).toBe(0)
})

test('a failing message is seen in its pauses, then among the dead letters until it is replayed', async () => {
  const dead = (queue = 'notes.on-note') => countOf(registry(), 'dead_letters', { queue })
  for (let index = 0; index < 3; index++) await queues.publish(noteWritten, note(`fails ${index}`, fails))
  await waitUntil('all three wait for their retry', async () => (await messages({ kind: 'retry' })) === 3)
  expect(await dead()).toBe(0)
  await waitUntil('they are dead', async () => (await dead()) === 3)
  expect(await dead('notes.on-filed')).toBe(0)
  expect(await messages({})).toBe(0)
  const { query } = service.resources
  const { rows } = await query<{ id: string }>({ text: 'select id from chassis.dead_letters limit 1' })
  await replayDeadLetters(query, { id: rows[0]?.id ?? '' })
  expect(await dead()).toBe(2)
  await waitUntil('the replayed one is dead again', async () => (await dead()) === 3)
  await query({ text: 'delete from chassis.dead_letters' })
  expect(await dead()).toBe(0)
  const outcomes = await seriesOf('messages_handled_total')
  expect(outcomes).toContainEqual({ queue: 'notes.on-note', outcome: 'dead' })
})

test('consumers are counted over all replicas', async () => {
  const consumers = () => countOf(registry(), 'queue_consumers', { queue: 'notes.on-note' })
  expect(await consumers()).toBe(1)
  const replica = await startReplica(definition, service.env)
  await waitUntil('both take from it', async () => (await consumers()) === 2)
  await replica.stop()
  await waitUntil('one is left', async () => (await consumers()) === 1)
})

test('what waits for its turn is counted as the broker counts it', async () => {
  const work = () => countOf(registry(), 'queue_messages', { queue: 'notes.on-filed', kind: 'work' })
  for (let index = 0; index < 5; index++) await queues.publish(noteFiled, { noteId: String(index), folder: 'letters' })
  await waitUntil('one is being filed', async () => (await queues.depth('notes.on-filed')) === 4)
  expect(await work()).toBe(4)
  release()
  await waitUntil('none waits', async () => (await work()) === 0)
  expect(await queues.depth('notes.on-filed')).toBe(0)
})

test('a queue that was deleted is absent, the others are there, and messages go on leaving', async () => {
  const retries = () => seriesOf('queue_messages').then(all => all.map(({ queue, kind }) => `${queue} ${kind}`))
  expect(await retries()).toContain('notes.on-note retry')
  await queues.delete('notes.on-note.retry.500ms')
  const before = await countOf(registry(), 'messages_published_total')
  await Promise.all(Array.from({ length: 20 }, () => registry().metrics()))
  const left = await retries()
  expect(left).toHaveLength(5)
  expect(left).not.toContain('notes.on-note retry')
  await service.resources.transact(async tx => tx.publish(noteWritten, note('after the deletion')))
  await waitUntil('it has come through', async () => (await effectsOf(service.resources.query)).includes('after the deletion')) // prettier-ignore
  expect(await countOf(registry(), 'messages_published_total', { outcome: 'confirmed' })).toBe(before + 1)
  expect(await countOf(registry(), 'messages_published_total', { outcome: 'failed' })).toBe(0)
  expect(await countOf(registry(), 'broker_connected')).toBe(1)
})

test.each(['refuses', 'says nothing'])(
  'while the broker %s its metrics are absent, and the others there',
  async how => {
    await using home = await startTestService(definition)
    await home.stop()
    await using proxy = await TcpProxy.to(inject('brokerUrl'))
    const replica = await startReplica(definition, { ...home.env, BROKER_URL: proxy.url })
    const ofBroker = () => seriesOf('queue_messages', replica)
    const connected = () => countOf(replica.resources.metrics, 'broker_connected')
    await waitUntil('they are there', async () => (await ofBroker()).length === 6)
    if (how === 'refuses') proxy.refuse()
    else proxy.swallow()
    await waitUntil('they are absent', async () => (await ofBroker()).length === 0)
    const { body, statusCode } = await replica.http.inject('/metrics')
    expect(statusCode).toBe(200)
    expect(body).not.toMatch(/^queue_(messages|consumers)\{/m)
    expect(body).toMatch(/^dead_letters\{queue="notes.on-note",service="notes"\} 0$/m)
    expect(body).toMatch(/^outbox_messages\{state="pending",service="notes"\} 0$/m)
    // A silent broker is noticed by its missing heartbeats.
    await waitUntil('it is known to be away', async () => (await connected()) === 0, 30_000)
    proxy.mend()
    await waitUntil('they are back', async () => (await ofBroker()).length === 6)
    await waitUntil('the publisher is back, too', async () => (await connected()) === 1)
    await replica.stop()
  },
)

test.each(['refuses', 'says nothing'])(
  'while the database %s its metrics are absent, and the others there',
  async how => {
    await using home = await startTestService(definition)
    await home.stop()
    await using proxy = await TcpProxy.to(home.env['DATABASE_URL'] ?? '')
    const replica = await startReplica(definition, { ...home.env, DATABASE_URL: proxy.url })
    await using other = await Queues.of(home.env)
    const ofDatabase = () => seriesOf('dead_letters', replica)
    const waitingDead = () => countOf(replica.resources.metrics, 'queue_messages', { kind: 'dead' })
    await waitUntil('they are there', async () => (await ofDatabase()).length === 2)
    if (how === 'refuses') proxy.refuse()
    else proxy.swallow()
    await waitUntil('they are absent', async () => (await ofDatabase()).length === 0)
    // More than are held at a time to be stored.
    for (let index = 0; index < 60; index++) await other.send('notes.on-note.dlq', Buffer.from('{}'))
    await waitUntil('dead ones are seen to wait', async () => (await waitingDead()) >= 10)
    const scrapes = await Promise.all(Array.from({ length: 50 }, () => replica.http.inject('/metrics')))
    for (const { body, statusCode } of scrapes) {
      expect(statusCode).toBe(200)
      expect(body).not.toMatch(/^(dead_letters|outbox_messages|outbox_oldest_seconds)(\{| )/m)
      expect(body).toMatch(/^queue_messages\{queue="notes.on-note",kind="work",service="notes"\} 0$/m)
      expect(body).toMatch(/^broker_connected\{service="notes"\} 1$/m)
    }
    proxy.mend()
    const stored = () => countOf(replica.resources.metrics, 'dead_letters', { queue: 'notes.on-note' })
    await waitUntil('all are stored', async () => (await stored()) === 60)
    expect(await waitingDead()).toBe(0)
    await replica.stop()
  },
)
