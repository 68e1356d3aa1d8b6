import { SpanKind, SpanStatusCode, TraceFlags, type Attributes, type HrTime } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { BaseConfig } from '../config.ts'
import { currentTrace, newSpanId, newTraceId, type TraceContext } from './trace.ts'

export interface SpanOptions {
  readonly kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  /** Default: the running trace. */
  readonly parent?: TraceContext | undefined
  readonly attributes?: Attributes
}

export interface Span {
  /** What work done inside the span, and messages sent by it, carry on. */
  readonly context: TraceContext
  set(attributes: Attributes): void
  rename(name: string): void
  /** Records the span; an `error` marks it as failed. */
  end(error?: unknown): void
}

/**
 * Spans at the chassis' own seams: a request, a transaction, a publication, a handled message. Ids are made and
 * propagated whether or not anything records them; the OpenTelemetry SDK is loaded only to export, and a span that is
 * not sampled costs no more than its ids.
 */
export interface Tracer {
  start(name: string, options: SpanOptions): Span
  /** Sends what is still buffered. */
  shutdown(): Promise<void>
}

type Settings = Pick<BaseConfig, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_TRACES_SAMPLER_ARG'>
type Record = (span: Pick<ReadableSpan, 'name' | 'kind' | 'attributes' | 'status'> & Recorded) => void
interface Recorded {
  readonly context: TraceContext
  readonly parent: TraceContext | undefined
  readonly startedAt: number
  readonly endedAt: number
}

/** A tracer that exports by OTLP when an endpoint is configured, and only carries ids otherwise. */
export async function createTracer(service: string, settings: Settings): Promise<Tracer> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  if (!endpoint) return tracerOf({ share: 0 })
  const { record, shutdown } = await loadExporter(service, endpoint)
  return tracerOf({ share: settings.OTEL_TRACES_SAMPLER_ARG, record, shutdown })
}

/** A tracer that hands every sampled span to `processor`; for tests. */
export async function createTracerFor(service: string, processor: SpanProcessor, share = 1): Promise<Tracer> {
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const resource = resourceFromAttributes({ 'service.name': service })
  return tracerOf({
    share,
    record: span => processor.onEnd(toReadable(span, resource)),
    shutdown: () => processor.shutdown(),
  })
}

async function loadExporter(service: string, endpoint: string) {
  const [{ BatchSpanProcessor }, { OTLPTraceExporter }, { resourceFromAttributes, defaultResource }] =
    await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
    ])
  const exporter = new OTLPTraceExporter({ url: new URL('v1/traces', `${endpoint.replace(/\/$/, '')}/`).href })
  const processor = new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000 })
  const resource = defaultResource().merge(
    resourceFromAttributes({ 'service.name': `app-${service}`, 'service.namespace': 'feira' }),
  )
  return {
    record: (span => processor.onEnd(toReadable(span, resource))) satisfies Record,
    shutdown: () => processor.shutdown(),
  }
}

interface Recording {
  readonly share: number
  readonly record?: Record
  readonly shutdown?: () => Promise<void>
}

function tracerOf({ share, record, shutdown }: Recording): Tracer {
  return {
    start(name, { kind, parent = currentTrace(), attributes = {} }) {
      // https://www.w3.org/TR/trace-context/#sampled-flag: the caller's decision is kept, a new trace decides for itself.
      const sampled = record !== undefined && (parent ? parent.sampled : Math.random() < share)
      const context = childOf(parent, sampled)
      if (!sampled) return unrecorded(context)
      return recorded({ name, kind, parent, context, attributes, record })
    },
    shutdown: async () => shutdown?.(),
  }
}

function childOf(parent: TraceContext | undefined, sampled: boolean): TraceContext {
  if (!parent) return { traceId: newTraceId(), spanId: newSpanId(), sampled }
  // A span that nobody records must not become anybody's parent: its children would point at nothing.
  return sampled ? { ...parent, spanId: newSpanId() } : parent
}

function unrecorded(context: TraceContext): Span {
  return { context, set: ignore, rename: ignore, end: ignore }
}

function ignore(): void {}

interface Recordable {
  name: string
  readonly kind: SpanOptions['kind']
  readonly parent: TraceContext | undefined
  readonly context: TraceContext
  readonly attributes: Attributes
  readonly record: Record
}

function recorded({ name, kind, parent, context, attributes, record }: Recordable): Span {
  const startedAt = performance.timeOrigin + performance.now()
  const all = { ...attributes }
  return {
    context,
    set: more => void Object.assign(all, more),
    rename: better => void (name = better),
    end(error) {
      const failed = error !== undefined && error !== null
      if (failed) all['error.type'] = error instanceof Error ? error.name : 'error'
      record({
        name,
        kind: kinds[kind],
        attributes: all,
        status: failed ? { code: SpanStatusCode.ERROR, message: describe(error) } : { code: SpanStatusCode.UNSET },
        context,
        parent,
        startedAt,
        endedAt: performance.timeOrigin + performance.now(),
      })
    },
  }
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const

function describe(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === 'string' ? error : 'failed'
}

function toReadable(span: Parameters<Record>[0], resource: ReadableSpan['resource']): ReadableSpan {
  const { name, kind, attributes, status, context, parent, startedAt, endedAt } = span
  const spanContext = otelContext(context)
  return {
    name,
    kind,
    attributes,
    status,
    spanContext: () => spanContext,
    ...(parent ? { parentSpanContext: otelContext(parent) } : {}),
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

function otelContext({ traceId, spanId, sampled }: TraceContext) {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE }
}

function hrTime(milliseconds: number): HrTime {
  const seconds = Math.trunc(milliseconds / 1_000)
  return [seconds, Math.round((milliseconds - seconds * 1_000) * 1_000_000)]
}
