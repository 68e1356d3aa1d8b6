import { context, propagation, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { Instrumentation, InstrumentationBase } from '@opentelemetry/instrumentation'
import type { UndiciRequest } from '@opentelemetry/instrumentation-undici'
import type { Resource } from '@opentelemetry/resources'
import { AlwaysOffSampler, ParentBasedSampler, TracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace'
import { register } from 'import-in-the-middle/register-hooks.mjs'
import { ScopeContextManager } from './scope-context-manager.ts'

/** `full`: what is listed here by hand. `auto`: everything that OpenTelemetry has. */
export type InstrumentationMode = 'full' | 'auto'

let installed = false

/** Whether drivers that this process loads are instrumented. */
export function isInstrumented(): boolean {
  return installed
}

/** Instruments whatever drivers this process loads from now on; one that is loaded already stays as it is. */
export async function instrument(mode: InstrumentationMode): Promise<void> {
  const instrumentations = mode === 'full' ? await byHand() : await everything()
  register({ include: instrumentations.flatMap(modulesOf) })
  installed = true
}

// Outside of a recorded trace the drivers are as fast as without. What they are given may be personal, or a secret: statements
// have their values beside them, but commands of Redis do not, and of a URL only the server is no secret of its owner's.
const pg = { requireParentSpan: true }
const ioredis = { requireParentSpan: true, dbStatementSerializer: (command: string) => command }
const undici = {
  requireParentforSpans: true,
  startSpanHook: ({ origin }: UndiciRequest) => ({ 'url.full': origin, 'url.path': '', 'url.query': '' }),
}

// Who publishes and who consumes, who asks us and what the logs say is told at the chassis' own seams. Told twice it would
// be wrong, too: amqplib's would put its own trace into messages, that of the relay.
async function byHand(): Promise<Instrumentation[]> {
  const [{ IORedisInstrumentation }, { PgInstrumentation }, { UndiciInstrumentation }] = await Promise.all([
    import('@opentelemetry/instrumentation-ioredis'),
    import('@opentelemetry/instrumentation-pg'),
    import('@opentelemetry/instrumentation-undici'),
  ])
  return [new IORedisInstrumentation(ioredis), new PgInstrumentation(pg), new UndiciInstrumentation(undici)]
}

async function everything(): Promise<Instrumentation[]> {
  const { getNodeAutoInstrumentations } = await import('@opentelemetry/auto-instrumentations-node')
  return getNodeAutoInstrumentations({
    '@opentelemetry/instrumentation-amqplib': { enabled: false },
    '@opentelemetry/instrumentation-http': { disableIncomingRequestInstrumentation: true },
    '@opentelemetry/instrumentation-ioredis': ioredis,
    '@opentelemetry/instrumentation-pg': pg,
    '@opentelemetry/instrumentation-pino': { enabled: false },
    // Metrics are Prometheus'.
    '@opentelemetry/instrumentation-runtime-node': { enabled: false },
    '@opentelemetry/instrumentation-undici': undici,
  })
}

function modulesOf(instrumentation: Instrumentation): string[] {
  return (instrumentation as InstrumentationBase).getModuleDefinitions().map(({ name }) => name)
}

/**
 * Hands the spans of instrumentations to `processor`. A trace begins at the chassis' seams alone, so what drivers do outside
 * of one (the relay's polling, housekeeping) leaves no spans.
 */
export function recordInstrumentations(processor: SpanProcessor, resource: Resource): void {
  const sampler = new ParentBasedSampler({ root: new AlwaysOffSampler() })
  trace.setGlobalTracerProvider(new TracerProvider({ resource, sampler, spanProcessors: [processor] }))
  context.setGlobalContextManager(new ScopeContextManager())
  // Not the baggage, which is none of other parties' business.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
}
