import { describe, expect, test } from 'vitest'
import { annotate, currentFields, currentTrace, inTrace, newSpanId, newTraceId, readTraceHeaders, writeTraceHeaders } from './trace.ts' // prettier-ignore

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

// https://www.w3.org/TR/trace-context/#traceparent-header
describe('traceparent', () => {
  test.each([
    ['sampled', `00-${traceId}-${spanId}-01`, true],
    ['not sampled', `00-${traceId}-${spanId}-00`, false],
    ['with other flags', `00-${traceId}-${spanId}-ff`, true],
    ['of a future version', `cc-${traceId}-${spanId}-01`, true],
    ['of a future version that says more', `cc-${traceId}-${spanId}-01-what-comes`, true],
  ])('%s is read', (_what, traceparent, sampled) => {
    expect(readTraceHeaders({ traceparent })).toMatchObject({ traceId, spanId, sampled })
  })

  test.each([
    undefined,
    '',
    42,
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}`,
    `cc-${traceId}-${spanId}-01.what-comes`,
    `00-${traceId}-${spanId}-01-what-comes`,
    ` 00-${traceId}-${spanId}-01`,
  ])('%j is none', traceparent => {
    expect(readTraceHeaders({ traceparent })).toBeUndefined()
  })
})

test('tracestate and baggage go along; too long ones are dropped whole', () => {
  const traceparent = `00-${traceId}-${spanId}-01`
  const headers = { traceparent, tracestate: 'vendor=1', baggage: 'user=7' }
  const context = readTraceHeaders(headers)
  expect(context && writeTraceHeaders(context)).toEqual(headers)
  const long = readTraceHeaders({ traceparent, tracestate: 'x'.repeat(513), baggage: 'x'.repeat(8_193) })
  expect(long && writeTraceHeaders(long)).toEqual({ traceparent })
})

test('new ids are random, of the right form and never nil', () => {
  const traces = Array.from({ length: 1_000 }, newTraceId)
  const spans = Array.from({ length: 1_000 }, newSpanId)
  expect(new Set([...traces, ...spans]).size).toBe(2_000)
  expect(traces.every(id => /^[0-9a-f]{32}$/.test(id))).toBe(true)
  expect(spans.every(id => /^[0-9a-f]{16}$/.test(id))).toBe(true)
})

test('a scope holds for what is awaited inside it, and ends with it', async () => {
  const context = { traceId, spanId, sampled: true }
  const inside = await inTrace(context, { a: 1 }, async () => {
    await Promise.resolve()
    annotate({ b: 2 })
    return { trace: currentTrace(), fields: currentFields() }
  })
  expect(inside).toEqual({ trace: context, fields: { a: 1, b: 2 } })
  annotate({ c: 3 })
  expect([currentTrace(), currentFields()]).toEqual([undefined, undefined])
})
