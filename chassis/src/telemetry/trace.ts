import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context } from '@opentelemetry/api'
import { randomHex } from '../random.ts'

/** What travels with a request or message, by the W3C Trace Context and Baggage recommendations. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** 16 lower-case hex digits: the span that whoever receives this context becomes a child of. */
  readonly spanId: string
  readonly sampled: boolean
  readonly tracestate?: string | undefined
  readonly baggage?: string | undefined
}

/** What the running code belongs to. */
export interface Scope {
  readonly trace: TraceContext | undefined
  /** Added to every log line written inside the scope. */
  readonly fields: Record<string, unknown>
  /** The same as OpenTelemetry's instrumentations see it, once one has asked. */
  context?: Context
}

const scopes = new AsyncLocalStorage<Scope>()

/** The scope that the running code belongs to, if any. */
export function currentScope(): Scope | undefined {
  return scopes.getStore()
}

/** Runs `work` inside `scope`. */
export function inScope<Result>(scope: Scope, work: () => Result): Result {
  return scopes.run(scope, work)
}

/** The trace context that the running code belongs to, if any. */
export function currentTrace(): TraceContext | undefined {
  return scopes.getStore()?.trace
}

/** The log fields of the running request or message, if any. */
export function currentFields(): Readonly<Record<string, unknown>> | undefined {
  return scopes.getStore()?.fields
}

/** Adds fields, e.g. `{ orderId }`, to every later log line of the running request or message. */
export function annotate(fields: Record<string, unknown>): void {
  const scope = scopes.getStore()
  if (scope) Object.assign(scope.fields, fields)
}

/** Runs `work` inside a trace context; log lines written there carry its ids and `fields`. */
export function inTrace<Result>(trace: TraceContext, fields: Record<string, unknown>, work: () => Result): Result {
  return scopes.run({ trace, fields }, work)
}

export function newTraceId(): string {
  return randomHex(16)
}

export function newSpanId(): string {
  return randomHex(8)
}

// Version 00 ends with its flags; a later one may say more.
const traceparentPattern =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

/** A trace that nobody records: for what belongs to no other, or to too many. */
export function unrecordedTrace(): TraceContext {
  return { traceId: newTraceId(), spanId: newSpanId(), sampled: false }
}

/** Reads the headers of a request or message; `undefined` when there is no valid `traceparent`. */
export function readTraceHeaders(headers: Readonly<Record<string, unknown>>): TraceContext | undefined {
  const match = traceparentPattern.exec(text(headers['traceparent'], 128) ?? '')
  if (!match) return undefined
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string]
  return {
    traceId,
    spanId,
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
    tracestate: text(headers['tracestate'], 512),
    baggage: text(headers['baggage'], 8192),
  }
}

/** The headers that carry `trace` to the next process. */
export function writeTraceHeaders(trace: TraceContext): Record<string, string> {
  return {
    traceparent: `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`,
    ...(trace.tracestate ? { tracestate: trace.tracestate } : {}),
    ...(trace.baggage ? { baggage: trace.baggage } : {}),
  }
}

// Longer values are dropped rather than cut: half a list member would be a wrong one.
function text(value: unknown, limit: number): string | undefined {
  const fits = typeof value === 'string' && value.length > 0 && value.length <= limit
  // Of a message, unlike a request, a header may hold anything, and PostgreSQL's text no NUL.
  return fits && !value.includes('\0') ? value : undefined
}
