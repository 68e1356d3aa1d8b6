import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { baseConfig, readConfig } from '../config.ts'
import { startConsuming } from '../consuming/consuming.ts'
import { consume, consumeBatch, type Consumer } from '../consuming/consumer.ts'
import { createTransact } from '../database/database.ts'
import { replayDeadLetters } from '../consuming/dead-letters.ts'
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
let closings: (() => Promise<unknown>)[]
beforeEach(async () => {
  outbox = await openOutbox()
  queues = await Queues.of(outbox.env)
  recorder = new Recorder()
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
  const log = createLogger('notes', { ...config, LOG_LEVEL: 'silent' })
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

/** Each span as `name < name of its parent`. */
function tree(): string[] {
  const names = new Map(recorder.spans.map(span => [span.spanContext().spanId, span.name]))
  return recorder.spans.map(({ name, parentSpanContext }) => {
    const parent = parentSpanContext ? (names.get(parentSpanContext.spanId) ?? 'unknown') : 'none'
    return `${name} < ${parent}`
  })
}

const queueName = () => `${outbox.env['BROKER_NAMESPACE']}notes.on-note`
const copies = (count: number) =>
  waitUntil(`${count} copies have left`, async () => {
    return (await queues.depth('copies')) === count && (await outbox.states()).pending === 0
  })

const copyNote = consume('on-note', noteWritten, async ({ data }, tx) => tx.publish(noteCopied, data))

test('one trace runs from the request through the outbox and the consumer to what it publishes', async () => {
  const { traceId } = await request(await start(copyNote, 1), 'a')
  await copies(1)
  const handling = 'process note.written'
  expect(tree().toSorted()).toEqual(
    [
      'POST /notes < none',
      'transaction < POST /notes',
      'send note.written < transaction',
      `${handling} < send note.written`,
      `transaction < ${handling}`,
      `send note.copied < ${handling}`,
    ].toSorted(),
  )
  expect(new Set(recorder.spans.map(span => span.spanContext().traceId))).toEqual(new Set([traceId]))
  const [copy] = await queues.drain('copies')
  const last = recorder.spans.find(({ name }) => name === 'send note.copied')
  expect(copy?.properties.headers?.['traceparent']).toBe(`00-${traceId}-${last?.spanContext().spanId}-01`)
  expect(copy?.properties.correlationId).toBe('c')
})

test('spans are of the right kind and say what they are about', async () => {
  await request(await start(copyNote, 1), 'a')
  await copies(1)
  const byName = (name: string) => recorder.spans.find(span => span.name === name)
  expect(byName('send note.written')).toMatchObject({
    kind: SpanKind.PRODUCER,
    attributes: {
      'messaging.system': 'rabbitmq',
      'messaging.operation.type': 'send',
      'messaging.destination.name': `${outbox.env['BROKER_NAMESPACE']}feira.events`,
      'messaging.rabbitmq.destination.routing_key': 'note.written',
      'messaging.message.id': expect.any(String),
    },
  })
  expect(byName('process note.written')).toMatchObject({
    kind: SpanKind.CONSUMER,
    status: { code: SpanStatusCode.UNSET },
    attributes: { 'messaging.operation.type': 'process', 'messaging.destination.name': queueName() },
    resource: { attributes: { 'service.name': 'notes' } },
  })
  expect(byName('transaction')).toMatchObject({
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql' },
  })
  for (const { startTime, endTime } of recorder.spans) {
    expect(endTime[0] * 1e9 + endTime[1]).toBeGreaterThanOrEqual(startTime[0] * 1e9 + startTime[1])
  }
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
  const handling = 'process note.written'
  await waitUntil('all spans ended', () => tree().filter(line => line.startsWith(handling)).length === 3)
  // The replay is another sending of the same message, by the sender's own parent or by its first sending.
  expect(tree().filter(line => line.startsWith(handling))).toEqual(Array(3).fill(`${handling} < send note.written`))
  expect(tree().filter(line => line.startsWith('send'))).toEqual([
    'send note.written < transaction',
    'send note.written < send note.written',
  ])
  expect(new Set(recorder.spans.map(span => span.spanContext().traceId))).toEqual(new Set([traceId]))
  const handlings = recorder.spans.filter(({ name }) => name === handling)
  expect(handlings.map(({ status, attributes }) => [status.message, attributes['error.type']])).toEqual([
    ['not yet', 'Error'],
    ['No.', 'Rejection'],
    [undefined, undefined],
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
  const process = 'process note.written'
  expect(tree().filter(line => line.startsWith(process))).toEqual(Array(3).fill(`${process} < send note.written`))
  expect(tree().filter(line => line.startsWith('send note.copied'))).toEqual(Array(3).fill(`send note.copied < ${process}`)) // prettier-ignore
  expect(tree().filter(line => line.startsWith('transaction'))).toEqual(Array(3).fill('transaction < POST /notes'))
  const traces = (await queues.drain('copies')).map(
    ({ properties }) => properties.headers?.['traceparent'].split('-')[1],
  )
  expect(new Set(traces)).toEqual(new Set(contexts.map(({ traceId }) => traceId)))
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
