import type { Attributes } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { SpanProcessor } from '@opentelemetry/sdk-trace'
import { ConfigError, type BaseConfig } from '../config.ts'
import { withoutStatement } from '../database/database-errors.ts'
import type { EndedSpan } from './readable-span.ts'
import { currentFields, currentTrace, inTrace, newSpanId, newTraceId, type TraceContext } from './trace.ts'

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
  /** Records the span; an `error` marks it as failed, of the type that is set as `error.type` or else its name. */
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

type Settings = Pick<BaseConfig, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_TRACES_SAMPLER_ARG' | 'OTEL_INSTRUMENTATION'>

/** A tracer that exports by OTLP when an endpoint is configured, and only carries ids otherwise. */
export async function createTracer(service: string, settings: Settings): Promise<Tracer> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  if (!endpoint) return tracerOf({ share: 0 })
  const { openExport } = await import('./export.ts')
  const { processor, resource } = openExport(`app-${service}`, endpoint)
  if (settings.OTEL_INSTRUMENTATION !== 'seams') {
    const { isInstrumented, recordInstrumentations } = await import('./instrumentation.ts')
    if (!isInstrumented()) throw new ConfigError(`app-${service}`, new Map([['OTEL_INSTRUMENTATION', notHere]]))
    recordInstrumentations(processor, resource)
  }
  return tracerTo(processor, resource, settings.OTEL_TRACES_SAMPLER_ARG)
}

// Drivers are instrumented once for a whole process, which could not tell whose of several services a query is.
const notHere =
  'asks for what drivers do, which can be told only of a service in its own process: `npm start -- --processes`'

/** A tracer that hands every sampled span to `processor`; for tests. */
export async function createTracerFor(service: string, processor: SpanProcessor, share = 1): Promise<Tracer> {
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  return tracerTo(processor, resourceFromAttributes({ 'service.name': service }), share)
}

async function tracerTo(processor: SpanProcessor, resource: Resource, share: number): Promise<Tracer> {
  const { toReadable } = await import('./readable-span.ts')
  return tracerOf({
    share,
    record: span => processor.onEnd(toReadable(span, resource)),
    shutdown: () => processor.shutdown(),
  })
}

/** Runs `work` inside an internal span, which fails as it does. */
export async function traced<Result>(name: string, tracer: Tracer, work: () => Promise<Result>): Promise<Result> {
  const span = tracer.start(name, { kind: 'internal' })
  try {
    const result = await inTrace(span.context, currentFields() ?? {}, work)
    span.end()
    return result
  } catch (error) {
    span.end(error)
    throw error
  }
}

interface Recording {
  readonly share: number
  readonly record?: (span: EndedSpan) => void
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
  return { context, set: ignore, end: ignore }
}

function ignore(): void {}

interface Recordable {
  readonly name: string
  readonly kind: SpanOptions['kind']
  readonly parent: TraceContext | undefined
  readonly context: TraceContext
  readonly attributes: Attributes
  readonly record: (span: EndedSpan) => void
}

function recorded({ name, kind, parent, context, attributes, record }: Recordable): Span {
  const startedAt = performance.timeOrigin + performance.now()
  const all = { ...attributes }
  return {
    context,
    set: more => void Object.assign(all, more),
    end(error) {
      const failed = error !== undefined && error !== null
      if (failed) all['error.type'] ??= typeOf(error)
      const endedAt = performance.timeOrigin + performance.now()
      const failure = failed ? { failure: describe(error) } : {}
      record({ name, kind, attributes: all, context, parent, startedAt, endedAt, ...failure })
    },
  }
}

// What is no error is a word of our own for what happened. https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
function typeOf(thrown: unknown): string {
  const error = withoutStatement(thrown)
  return error instanceof Error ? error.name : typeof error === 'string' ? error : '_OTHER'
}

function describe(thrown: unknown): string {
  const error = withoutStatement(thrown)
  return error instanceof Error ? error.message : typeof error === 'string' ? error : 'failed'
}
