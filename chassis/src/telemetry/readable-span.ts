import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { TraceContext } from './trace.ts'

/** A span of the chassis that has ended. */
export interface EndedSpan {
  readonly name: string
  readonly kind: keyof typeof kinds
  readonly attributes: Attributes
  readonly context: TraceContext
  readonly parent: TraceContext | undefined
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly endedAt: number
  /** What went wrong; absent when nothing did. */
  readonly failure?: string
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const

/** A span of the chassis as OpenTelemetry's processors and exporters take it. */
export function toReadable(span: EndedSpan, resource: ReadableSpan['resource']): ReadableSpan {
  const { name, kind, attributes, context, parent, startedAt, endedAt, failure } = span
  const spanContext = spanContextOf(context)
  return {
    name,
    kind: kinds[kind],
    attributes: defined(attributes),
    status: failure === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: failure },
    spanContext: () => spanContext,
    ...(parent ? { parentSpanContext: spanContextOf(parent) } : {}),
    startTime: hrTime(startedAt),
    endTime: hrTime(endedAt),
    duration: hrTime(endedAt - startedAt),
    ended: true,
    links: [],
    events: [],
    resource,
    instrumentationScope: { name: '@feira/chassis' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

// What is absent would be exported as an empty value.
function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}

/** A trace context as OpenTelemetry writes it. */
export function spanContextOf({ traceId, spanId, sampled, tracestate }: TraceContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    ...(tracestate ? { traceState: new TraceState(tracestate) } : {}),
  }
}

function hrTime(milliseconds: number): HrTime {
  const seconds = Math.trunc(milliseconds / 1_000)
  return [seconds, Math.round((milliseconds - seconds * 1_000) * 1_000_000)]
}
