import { context, ROOT_CONTEXT, SpanKind, trace, type Tracer } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { recordInstrumentations } from './instrumentation.ts'
import { annotate, currentFields, currentTrace, inTrace, unrecordedTrace } from './trace.ts'
import { createTracerFor, type Tracer as ChassisTracer } from './tracer.ts'

const exporter = new InMemorySpanExporter()
const processor = new SimpleSpanProcessor({ exporter })
let chassis: ChassisTracer
/** What an instrumentation, or whoever knows only OpenTelemetry, writes spans with. */
let foreign: Tracer

beforeAll(async () => {
  chassis = await createTracerFor('notes', processor)
  recordInstrumentations(processor, resourceFromAttributes({}))
  foreign = trace.getTracer('driver')
})
beforeEach(() => exporter.reset())
afterAll(() => {
  trace.disable()
  context.disable()
})

const parents = () => {
  const spans = exporter.getFinishedSpans()
  const nameOf = (id: string | undefined) => spans.find(span => span.spanContext().spanId === id)?.name ?? 'none'
  return Object.fromEntries(spans.map(span => [span.name, nameOf(span.parentSpanContext?.spanId)]))
}

test('spans of the chassis and of others are one tree, whichever is inside the other', async () => {
  const request = chassis.start('request', { kind: 'server' })
  await inTrace(request.context, {}, async () => {
    await Promise.resolve()
    await foreign.startActiveSpan('work of the application', async span => {
      await Promise.resolve()
      const transaction = chassis.start('transaction', { kind: 'client' })
      inTrace(transaction.context, {}, () => foreign.startSpan('query', { kind: SpanKind.CLIENT }).end())
      transaction.end()
      span.end()
    })
    foreign.startSpan('after it').end()
  })
  request.end()
  expect(parents()).toEqual({
    request: 'none',
    'work of the application': 'request',
    transaction: 'work of the application',
    query: 'transaction',
    'after it': 'request',
  })
  const spans = exporter.getFinishedSpans()
  expect(new Set(spans.map(span => span.spanContext().traceId))).toEqual(new Set([request.context.traceId]))
})

test('what others enter keeps the fields of log lines, and the trace that goes on to messages', () => {
  const baggage = 'user=7'
  const { context: own } = chassis.start('request', {
    kind: 'server',
    parent: { ...unrecordedTrace(), sampled: true, tracestate: 'vendor=1', baggage },
  })
  inTrace(own, { correlationId: 'c' }, () => {
    foreign.startActiveSpan('inside', span => {
      annotate({ orderId: 'o' })
      const { spanId, traceId } = span.spanContext()
      expect(currentTrace()).toEqual({ traceId, spanId, sampled: true, tracestate: 'vendor=1', baggage })
      expect(traceId).toBe(own.traceId)
    })
    expect(currentTrace()).toBe(own)
    expect(currentFields()).toEqual({ correlationId: 'c', orderId: 'o' })
  })
})

test('listeners and functions that are bound run where they were bound', () => {
  const request = chassis.start('request', { kind: 'server' })
  const bound = inTrace(request.context, {}, () => context.bind(context.active(), () => currentTrace()?.spanId))
  expect(bound()).toBe(request.context.spanId)
  expect(currentTrace()).toBeUndefined()
})

test('outside of a trace, and in one that nobody records, others record nothing and become nobody’s parent', () => {
  const query = () => foreign.startActiveSpan('query', span => (span.end(), currentTrace()))
  const unrecorded = unrecordedTrace()
  expect(context.active()).toBe(ROOT_CONTEXT)
  expect(query()).toBeUndefined()
  expect(inTrace(unrecorded, {}, query)).toBe(unrecorded)
  expect(exporter.getFinishedSpans()).toEqual([])
})
