import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { baseConfig, readConfig } from '../config.ts'
import { createTransact } from '../database/database.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { createTracer } from '../telemetry/tracer.ts'
import { countOf } from '../testing/fixture/counts.ts'
import { note, noteCopied, noteWritten } from '../testing/fixture/notes.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { waitUntil } from '../testing/index.ts'
import { appendToOutbox, toOutboxRow } from './outbox.ts'
import type { Relay } from './relay.ts'

let outbox: Outbox
let queues: Queues
beforeEach(async () => {
  outbox = await openOutbox()
  queues = await Queues.of(outbox.env)
  await queues.listen('notes', noteWritten)
})
afterEach(async () => {
  await outbox[Symbol.asyncDispose]()
  await queues[Symbol.asyncDispose]()
})

const notes = (count: number) => Array.from({ length: count }, (_, index) => note(`note-${index}`))
const published = (count: number) =>
  waitUntil(`${count} are published`, async () => (await outbox.states()).published === count)

test('publishes everything, once, in the order in which it was written', async () => {
  await outbox.append(noteWritten, notes(1_200))
  await outbox.startRelay()
  await published(1_200)
  const messages = await queues.drain('notes')
  expect(messages.map(({ content }) => JSON.parse(content.toString()))).toEqual(notes(1_200))
  expect(await outbox.states()).toEqual({ pending: 0, published: 1_200, unrouted: 0 })
})

test('a message says what it is', async () => {
  await outbox.append(noteWritten, [note('a')])
  await outbox.startRelay()
  await published(1)
  const [message] = await queues.drain('notes')
  const { rows } = await outbox.database.query<{ id: string; created_at: Date }>({
    text: 'select * from chassis.outbox',
  })
  expect(message?.properties).toMatchObject({
    messageId: rows[0]?.id,
    type: 'note.written',
    contentType: 'application/json',
    appId: 'app-notes',
    deliveryMode: 2,
    headers: {
      'aggregate-type': 'note',
      'aggregate-id': 'a',
      'aggregate-version': 1,
      'published-at': rows[0]?.created_at.toISOString(),
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
    },
  })
})

test('two relays share the work, and no message is published twice', async () => {
  const theirs = createMetrics('notes')
  await outbox.append(noteWritten, notes(1_000))
  await Promise.all([outbox.startRelay(), outbox.startRelay({ metrics: theirs })])
  for (let burst = 0; burst < 20; burst++) await outbox.append(noteWritten, notes(100))
  await published(3_000)
  const ids = (await queues.drain('notes')).map(({ properties }) => String(properties.messageId))
  expect(ids).toHaveLength(3_000)
  expect(new Set(ids).size).toBe(3_000)
  expect(await countOf(theirs.registry, 'messages_published_total')).toBeGreaterThan(0)
  expect(await countOf(outbox.metrics.registry, 'messages_published_total')).toBeGreaterThan(0)
})

test('a wake-up publishes at once, and without one the poll finds what another process wrote', async () => {
  const sleepy = await outbox.startRelay({ config: { ...configOf(outbox), OUTBOX_POLL_INTERVAL: 60_000 } })
  await outbox.append(noteWritten, [note('woken')])
  sleepy.wake()
  await published(1)
  await sleepy.stop()
  await outbox.startRelay()
  await outbox.append(noteWritten, [note('polled')])
  await published(2)
  expect(await queues.drain('notes')).toHaveLength(2)
})

describe('what its own process has just written', () => {
  async function write(relay: Relay, count: number, message: typeof noteWritten | typeof noteCopied = noteWritten) {
    const { pool } = outbox.database
    const tracer = await createTracer('notes', readConfig('a test', baseConfig, outbox.env))
    const transact = createTransact({ pool, tracer, onPublished: relay.wake })
    await Promise.all(notes(count).map(payload => transact(async tx => tx.publish(message, payload))))
  }

  test('leaves without another look at the outbox', async () => {
    const relay = await outbox.startRelay({ config: { ...configOf(outbox), OUTBOX_POLL_INTERVAL: 60_000 } })
    await write(relay, 20)
    await published(20)
    expect(await queues.drain('notes')).toHaveLength(20)
  })

  test('leaves once, however often the outbox is looked at meanwhile', async () => {
    const often = { config: { ...configOf(outbox), OUTBOX_POLL_INTERVAL: 1 } }
    await outbox.startRelay(often)
    // Whoever has just connected looks at everything, also at what is others' to publish.
    await outbox.append(noteWritten, [note('seen')])
    await published(1)
    const relay = await outbox.startRelay(often)
    const looking = setInterval(() => relay.wake(), 3)
    await write(relay, 400)
    clearInterval(looking)
    await published(401)
    expect(await queues.drain('notes')).toHaveLength(401)
  })

  test('leaves while what left before is still to be marked, and a stop waits for that', async () => {
    const relay = await outbox.startRelay({ config: { ...configOf(outbox), OUTBOX_POLL_INTERVAL: 60_000 } })
    await outbox.append(noteWritten, [note('before')])
    relay.wake()
    await published(1)
    const rows = notes(3).map(payload => toOutboxRow(noteWritten, payload))
    await appendToOutbox(outbox.database.query, rows)
    const holder = await outbox.database.pool.connect()
    await holder.query('begin; lock table chassis.outbox in exclusive mode')
    for (const [index, row] of rows.entries()) {
      relay.wake([row])
      await waitUntil(`${index} has left`, async () => (await queues.depth('notes')) === 2 + index)
    }
    const stopped = relay.stop()
    await holder.query('rollback')
    holder.release()
    await stopped
    expect(await outbox.states()).toEqual({ pending: 0, published: 4, unrouted: 0 })
  })

  test('is marked only when the broker has it', async () => {
    await using proxy = await TcpProxy.to(outbox.env['BROKER_URL'] as string)
    const relay = await outbox.startRelay({ brokerUrl: proxy.url, confirmTimeout: 500 })
    proxy.swallow()
    await write(relay, 10)
    await waitUntil('the broker is taken for lost', () => relay.publisher.trouble() !== undefined)
    expect(await outbox.states()).toEqual({ pending: 10, published: 0, unrouted: 0 })
    proxy.mend()
    await published(10)
    expect(await queues.drain('notes')).toHaveLength(10)
  })

  test('and no queue takes is kept until there is one', async () => {
    const relay = await outbox.startRelay({ unroutedPause: 500 })
    await write(relay, 10, noteCopied)
    await waitUntil('they are kept', async () => (await outbox.states()).unrouted === 10)
    // Once each, but for probes.
    const returned = { outcome: 'unroutable' }
    expect(await countOf(outbox.metrics.registry, 'messages_published_total', returned)).toBeLessThan(20)
    await queues.listen('copies', noteCopied)
    await published(10)
    expect(await queues.drain('copies')).toHaveLength(10)
  })

  test('and the broker refuses, again and again, does not hold up what others left behind', async () => {
    await queues.listen('full', undefined, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
    await queues.send('full', Buffer.from('first'))
    await outbox.append(noteWritten, [note('at the beginning')])
    const relay = await outbox.startRelay()
    await published(1)
    const refused = () => relay.wake([toOutboxRow(noteWritten, note('refused'), { queue: 'full' })])
    const refusing = setInterval(refused, 10)
    await outbox.append(noteWritten, [note('left behind')])
    await published(2).finally(() => clearInterval(refusing))
    expect(await queues.drain('notes')).toHaveLength(2)
  })
})

test('a stop finishes the batch at hand and leaves the rest to the next relay', async () => {
  await outbox.append(noteWritten, notes(2_000))
  const relay = await outbox.startRelay()
  await waitUntil('it works', async () => (await outbox.states()).published > 0)
  await relay.stop()
  const marked = (await outbox.states()).published
  expect(await queues.drain('notes')).toHaveLength(marked)
  await outbox.startRelay()
  await published(2_000)
  expect(await queues.drain('notes')).toHaveLength(2_000 - marked)
})

describe('a message that no queue takes', () => {
  test('holds up nobody, is tried again, and leaves when its queue is there', async () => {
    await outbox.append(noteCopied, notes(600))
    await outbox.append(noteWritten, [note('routed')])
    // Long enough for all to be counted before one of them is tried again.
    await outbox.startRelay({ unroutedPause: 1_000 })
    await waitUntil('the routed one is published', async () => (await outbox.states()).published === 1)
    await waitUntil('the others are kept', async () => (await outbox.states()).unrouted === 600)
    expect(await countOf(outbox.metrics.registry, 'messages_published_total', { outcome: 'unroutable' })).toBe(600)
    await queues.listen('copies', noteCopied)
    await published(601)
    expect(await outbox.states()).toEqual({ pending: 0, published: 601, unrouted: 0 })
    const copies = (await queues.drain('copies')).map(({ content }) => JSON.parse(content.toString()))
    expect(new Set(copies.map(({ noteId }) => noteId))).toEqual(new Set(notes(600).map(({ noteId }) => noteId)))
    expect(copies).toHaveLength(600)
  })

  test('is tried again only after the pause, one for all that wait with it', async () => {
    await outbox.append(noteCopied, notes(50))
    const unroutable = () => countOf(outbox.metrics.registry, 'messages_published_total', { outcome: 'unroutable' })
    const relay = await outbox.startRelay({ unroutedPause: 300 })
    await waitUntil('it was returned', async () => (await unroutable()) === 50)
    for (let look = 0; look < 20; look++) relay.wake()
    const startedAt = performance.now()
    await waitUntil('it was tried again', async () => (await unroutable()) > 50)
    expect(await unroutable()).toBe(51)
    expect(performance.now() - startedAt).toBeGreaterThan(100)
  })

  test('to one queue alone waits for that queue', async () => {
    await outbox.append(noteWritten, [note('a')], { queue: 'alone' })
    // As a replay names it, and as it was named at first.
    await outbox.append(noteWritten, [note('b')], { queue: `${outbox.env['BROKER_NAMESPACE']}alone` })
    await outbox.startRelay({ unroutedPause: 100 })
    await waitUntil('they are kept', async () => (await outbox.states()).unrouted === 2)
    await queues.listen('alone')
    await published(2)
    expect(await queues.drain('alone')).toHaveLength(2)
    expect(await queues.drain('notes')).toHaveLength(0)
  })
})

describe('a broker that', () => {
  test('refuses connections costs nothing but time', async () => {
    await using proxy = await TcpProxy.to(outbox.env['BROKER_URL'] as string)
    const { publisher } = await outbox.startRelay({ brokerUrl: proxy.url })
    proxy.refuse()
    await waitUntil('it is noticed', () => publisher.trouble() !== undefined)
    await outbox.append(noteWritten, notes(10))
    proxy.mend()
    await published(10)
    expect(await queues.drain('notes')).toHaveLength(10)
  })

  test('breaks connections while it is published to gets everything', async () => {
    await using proxy = await TcpProxy.to(outbox.env['BROKER_URL'] as string)
    const relay = await outbox.startRelay({ brokerUrl: proxy.url })
    for (let round = 0; round < 5; round++) {
      await outbox.append(noteWritten, notes(400))
      relay.wake()
      proxy.reset()
    }
    await published(2_000)
    const ids = (await queues.drain('notes')).map(({ properties }) => String(properties.messageId))
    expect(new Set(ids).size).toBe(2_000)
  })

  test('says nothing any more is taken for lost, and gets everything when it is back', async () => {
    await using proxy = await TcpProxy.to(outbox.env['BROKER_URL'] as string)
    const { publisher, wake } = await outbox.startRelay({ brokerUrl: proxy.url, confirmTimeout: 500 })
    proxy.swallow()
    await outbox.append(noteWritten, notes(10))
    wake()
    await waitUntil('it is taken for lost', () => publisher.trouble() !== undefined)
    expect(await outbox.states()).toMatchObject({ pending: 10, published: 0 })
    proxy.mend()
    await published(10)
    expect(await queues.drain('notes')).toHaveLength(10)
  })
})

test('a database that ends its connections is found again', async () => {
  const { wake } = await outbox.startRelay()
  await outbox.database.query({
    text: `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'notes-relay'`,
  })
  await outbox.append(noteWritten, notes(10))
  wake()
  await published(10)
  expect(await queues.drain('notes')).toHaveLength(10)
})

function configOf({ env }: Outbox) {
  return {
    DATABASE_URL: env['DATABASE_URL'] as string,
    BROKER_URL: env['BROKER_URL'] as string,
    BROKER_NAMESPACE: env['BROKER_NAMESPACE'] as string,
    OUTBOX_POLL_INTERVAL: 50,
    CRASH_AT: undefined,
  }
}
