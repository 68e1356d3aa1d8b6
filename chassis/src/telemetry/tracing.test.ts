import { PassThrough } from 'node:stream'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { baseConfig, readConfig } from '../config.ts'
import { startConsuming } from '../consuming/consuming.ts'
import { consume, consumeBatch, type Consumer } from '../consuming/consumer.ts'
import { createTransact } from '../database/database.ts'
import { replayDeadLetters } from '../consuming/dead-letters.ts'
import { conventionalAttributes, unconventional } from './conventions.testing.ts'
import { createLogger } from './log.ts'
import { Rejection } from '../rejection.ts'
import type { Resources, Transact } from '../service.ts'
import { effectsOf, leaveEffect, note, noteCopied, noteWritten } from '../testing/fixture/notes.ts'
import { openOutbox, type Outbox } from '../testing/fixture/outbox.ts'
import { Queues } from '../testing/fixture/queues.ts'
import { waitUntil } from '../testing/index.ts'
import { inTrace } from './trace.ts'
import { createTracerFor, type Tracer } from './tracer.ts'

class Recorder implements SpanProcessor {
  readonly spans: ReadableSpan[] = []
  onStart(): void {}
  onEnd(span: ReadableSpan): void {
    this.spans.push(span)
  }
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

let outbox: Outbox
let queues: Queues
let recorder: Recorder
let written: PassThrough
let closings: (() => Promise<unknown>)[]
beforeEach(async () => {
  outbox = await openOutbox()
  queues = await Queues.of(outbox.env)
  recorder = new Recorder()
  written = new PassThrough()
  closings = []
})
afterEach(async () => {
  for (const close of closings) await close()
  for (const queue of ['', '.dlq', '.retry.20ms']) await queues.delete(`notes.on-note${queue}`)
  await queues.listen('copies', noteCopied)
  await queues[Symbol.asyncDispose]()
  await outbox[Symbol.asyncDispose]()
})

interface System {
  readonly tracer: Tracer
  readonly transact: Transact
  stop(): Promise<void>
}

/** A relay and a consumer, both traced. */
async function start(onNote: Consumer, share: number): Promise<System> {
  const tracer = await createTracerFor('notes', recorder, share)
  const config = readConfig('test', baseConfig, { ...outbox.env, RETRY_DELAYS: '20ms' })
  const log = createLogger('notes', config, written)
  const { publisher, wake } = await outbox.startRelay({ tracer, unroutedPause: 50 })
  const { pool, db, query, check } = outbox.database
  const transact = createTransact({ pool, tracer, onPublished: wake })
  const resources = { config, db, query, transact, log } as unknown as Resources
  const { metrics } = outbox
  const reachable = () => check().then(() => true, () => false) // prettier-ignore
  const options = { service: 'notes', consumers: [onNote], config, resources, publisher, tracer, metrics, reachable }
  const consuming = await startConsuming(options)
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= consuming.stop(1_000))
  closings.push(stop)
  await waitUntil('it consumes', () => consuming.trouble() === undefined)
  await queues.listen('copies', noteCopied)
  return { tracer, transact, stop }
}

/** What a request does: writes a note inside its span. */
async function request({ tracer, transact }: System, noteId: string) {
  const span = tracer.start('POST /notes', { kind: 'server' })
  await inTrace(span.context, { correlationId: 'c' }, () => transact(async tx => tx.publish(noteWritten, note(noteId))))
  span.end()
  return span.context
}

/** A span's name without what differs from run to run: the database and the broker's namespace. */
const nameOf = ({ name }: ReadableSpan) =>
  name.replace(/^TRANSACTION .*/, 'TRANSACTION').replaceAll(String(outbox.env['BROKER_NAMESPACE']), '')

/** Each span as `name < name of its parent`. */
function tree(): string[] {
  const names = new Map(recorder.spans.map(span => [span.spanContext().spanId, nameOf(span)]))
  return recorder.spans.map(span => {
    const parent = span.parentSpanContext ? (names.get(span.parentSpanContext.spanId) ?? 'unknown') : 'none'
    return `${nameOf(span)} < ${parent}`
  })
}

const sending = 'publish feira.events:note.written'
const sendingCopy = 'publish feira.events:note.copied'
const handling = 'process feira.events:note.written:notes.on-note'
const handlingAgain = 'process notes.on-note'

/** What has been logged, once `condition` holds of it. */
async function until(what: string, condition: (lines: Line[]) => boolean): Promise<Line[]> {
  const lines: Line[] = []
  await waitUntil(what, () => {
    const text = String(written.read() ?? '')
    lines.push(...text.split('\n').filter(Boolean).map(line => JSON.parse(line) as Line)) // prettier-ignore
    return condition(lines)
  })
  return lines
}

type Line = Readonly<Record<string, unknown>>

const copies = (count: number) =>
  waitUntil(`${count} copies have left`, async () => {
    return (await queues.depth('copies')) === count && (await outbox.states()).pending === 0
  })

const copyNote = consume('on-note', noteWritten, async ({ data }, tx) => tx.publish(noteCopied, data))

test('one trace runs from the request through the outbox and the consumer to what it publishes', async () => {
  const { traceId } = await request(await start(copyNote, 1), 'a')
  await copies(1)
  expect(tree().toSorted()).toEqual(
    [
      'POST /notes < none',
      'TRANSACTION < POST /notes',
      `${sending} < TRANSACTION`,
      `${handling} < ${sending}`,
      `TRANSACTION < ${handling}`,
      `${sendingCopy} < ${handling}`,
    ].toSorted(),
  )
  expect(new Set(recorder.spans.map(span => span.spanContext().traceId))).toEqual(new Set([traceId]))
  const [copy] = await queues.drain('copies')
  const last = recorder.spans.find(span => nameOf(span) === sendingCopy)
  expect(copy?.properties.headers?.['traceparent']).toBe(`00-${traceId}-${last?.spanContext().spanId}-01`)
  expect(copy?.properties.correlationId).toBe('c')
})

test('spans are of the right kind and say what they are about', async () => {
  await request(await start(copyNote, 1), 'a')
  await copies(1)
  const byName = (name: string) => recorder.spans.find(span => nameOf(span) === name)
  const namespace = String(outbox.env['BROKER_NAMESPACE'])
  const broker = new URL(String(outbox.env['BROKER_URL']))
  const database = new URL(String(outbox.env['DATABASE_URL']))
  expect(byName(sending)).toMatchObject({
    kind: SpanKind.PRODUCER,
    attributes: {
      'messaging.system.name': 'rabbitmq',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': `${namespace}feira.events:note.written`,
      'rabbitmq.destination.routing_key': 'note.written',
      'messaging.message.id': expect.any(String),
      'messaging.message.conversation_id': 'c',
      'messaging.message.body.size': expect.any(Number),
      'server.address': broker.hostname,
      'server.port': Number(broker.port),
    },
  })
  expect(byName(handling)).toMatchObject({
    kind: SpanKind.CONSUMER,
    status: { code: SpanStatusCode.UNSET },
    attributes: {
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': `${namespace}feira.events:note.written:${namespace}notes.on-note`,
      'rabbitmq.message.delivery_tag': 1,
    },
    resource: { attributes: { 'service.name': 'notes' } },
  })
  expect(byName('TRANSACTION')).toMatchObject({
    name: `TRANSACTION ${database.pathname.slice(1)}`,
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': database.pathname.slice(1),
      'db.operation.name': 'TRANSACTION',
      'server.address': database.hostname,
      'server.port': Number(database.port || 5_432),
    },
  })
  expect(unconventional(recorder.spans)).toEqual([])
  for (const { startTime, endTime } of recorder.spans) {
    expect(endTime[0] * 1e9 + endTime[1]).toBeGreaterThanOrEqual(startTime[0] * 1e9 + startTime[1])
  }
})

test('what the conventions have is known, and what they had is not', () => {
  expect(conventionalAttributes.size).toBeGreaterThan(500)
  expect(conventionalAttributes).toContain('messaging.destination.name')
  expect(conventionalAttributes).not.toContain('messaging.operation')
})

test('a retry and a replay stay in the trace, and a failure shows', async () => {
  let attempts = 0
  const onNote = consume('on-note', noteWritten, async (message, tx) => {
    if (++attempts === 1) throw new Error('not yet')
    if (attempts === 2) throw new Rejection('no', 409, 'No.')
    await leaveEffect(tx, message)
  })
  const { traceId } = await request(await start(onNote, 1), 'a')
  const { query } = outbox.database
  await waitUntil('it is dead', async () => (await query({ text: 'select from chassis.dead_letters' })).rowCount === 1)
  await replayDeadLetters(query, { all: true })
  await waitUntil('it is handled', async () => (await effectsOf(query)).length === 1)
  await waitUntil('all spans ended', () => tree().filter(line => line.startsWith('process')).length === 3)
  // The second attempt comes from the retry queue, the third is a replay: sent again, straight to its queue.
  expect(tree().filter(line => line.startsWith('process'))).toEqual([
    `${handling} < ${sending}`,
    `${handlingAgain} < ${sending}`,
    `${handlingAgain} < publish notes.on-note`,
  ])
  expect(tree().filter(line => line.startsWith('publish'))).toEqual([
    `${sending} < TRANSACTION`,
    `publish notes.on-note < ${sending}`,
  ])
  expect(new Set(recorder.spans.map(span => span.spanContext().traceId))).toEqual(new Set([traceId]))
  const handlings = recorder.spans.filter(({ kind }) => kind === SpanKind.CONSUMER)
  expect(
    handlings.map(({ status, attributes }) => [status.message, attributes['error.type'], attributes['feira.attempt']]),
  ).toEqual([
    ['not yet', 'Error', 1],
    ['No.', 'Rejection', 2],
    [undefined, undefined, 1],
  ])
})

test('a batch is handled in no trace, and each message in its own', async () => {
  const onNote = consumeBatch('on-note', noteWritten, async (messages, tx) => {
    for (const message of messages) tx.publish(noteCopied, message.data, { cause: message })
  })
  const system = await start(onNote, 1)
  await system.stop()
  const contexts = [await request(system, 'a'), await request(system, 'b'), await request(system, 'c')]
  await waitUntil('they wait together', async () => (await queues.depth('notes.on-note')) === 3)
  await start(onNote, 1)
  await copies(3)
  const lines = (name: string) => tree().filter(line => line.startsWith(name))
  expect(lines(handling)).toEqual(Array(3).fill(`${handling} < ${sending}`))
  expect(lines(sendingCopy)).toEqual(Array(3).fill(`${sendingCopy} < ${handling}`))
  expect(lines('TRANSACTION')).toEqual(Array(3).fill('TRANSACTION < POST /notes'))
  const traces = (await queues.drain('copies')).map(
    ({ properties }) => properties.headers?.['traceparent'].split('-')[1],
  )
  expect(new Set(traces)).toEqual(new Set(contexts.map(({ traceId }) => traceId)))
})

test('what is logged of a message says its trace, whatever became of it', async () => {
  let attempts = 0
  const onNote = consume('on-note', noteWritten, async () => {
    if (++attempts === 1) throw new Error('not yet')
  })
  const { traceId } = await request(await start(onNote, 1), 'a')
  await waitUntil('it is handled', () => recorder.spans.filter(({ kind }) => kind === SpanKind.CONSUMER).length === 2)
  const lines = await until('both are logged', logged => logged.some(line => line['msg'] === 'handled'))
  const ofMessage = lines.filter(line => line['eventType'] === 'note.written')
  expect(ofMessage.map(line => line['msg'])).toEqual([
    'handler failed; the message is tried again after a pause',
    'handled',
  ])
  expect(ofMessage.map(line => line['traceId'])).toEqual([traceId, traceId])
  expect(ofMessage[1]?.['spanId']).toBe(recorder.spans.findLast(({ kind }) => kind === SpanKind.CONSUMER)?.spanContext().spanId) // prettier-ignore
})

test('what is not sampled is recorded nowhere, and its trace goes on', async () => {
  const { traceId, spanId, sampled } = await request(await start(copyNote, 0), 'a')
  await copies(1)
  expect(sampled).toBe(false)
  expect(recorder.spans).toEqual([])
  const [copy] = await queues.drain('copies')
  expect(copy?.properties.headers?.['traceparent']).toBe(`00-${traceId}-${spanId}-00`)
})

test("a caller's decision is kept, and a new trace decides by the share", async () => {
  const tracer = await createTracerFor('notes', recorder, 0.5)
  const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, tracestate: 'vendor=1' }
  expect(tracer.start('child', { kind: 'internal', parent }).context).toMatchObject({
    traceId: parent.traceId,
    sampled: true,
    tracestate: 'vendor=1',
  })
  expect(tracer.start('child', { kind: 'internal', parent: { ...parent, sampled: false } }).context.sampled).toBe(false)
  const roots = Array.from({ length: 1_000 }, () => tracer.start('root', { kind: 'internal' }).context.sampled)
  const sampled = roots.filter(Boolean).length
  expect(sampled).toBeGreaterThan(350)
  expect(sampled).toBeLessThan(650)
})
