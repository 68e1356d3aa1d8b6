import { ROOT_CONTEXT, trace, TraceFlags, type Context, type SpanContext } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { spanContextOf } from './readable-span.ts'
import { currentScope, inScope, type Scope, type TraceContext } from './trace.ts'

/**
 * OpenTelemetry's active context and the chassis' scope as one: inside a span of the chassis an instrumentation's span is
 * its child, and the other way round. Whichever was entered last counts.
 */
export class ScopeContextManager extends AsyncLocalStorageContextManager {
  override active(): Context {
    const scope = currentScope()
    if (!scope) return ROOT_CONTEXT
    return (scope.context ??= contextOf(scope))
  }

  override with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    work: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const { trace: surrounding, fields = {} } = currentScope() ?? {}
    const span = trace.getSpanContext(context)
    const scope = { trace: span && isSampled(span) ? traceOf(span, surrounding) : surrounding, fields, context }
    return inScope(scope, () => work.call(self, ...args))
  }
}

// A trace that nobody records is none to instrumentations, which then do nothing.
function contextOf({ trace: own }: Scope): Context {
  return own?.sampled ? trace.setSpanContext(ROOT_CONTEXT, spanContextOf(own)) : ROOT_CONTEXT
}

// As everywhere in the chassis, a span that nobody records becomes nobody's parent.
function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}

function traceOf({ traceId, spanId, traceState }: SpanContext, surrounding: TraceContext | undefined): TraceContext {
  const baggage = surrounding?.traceId === traceId ? surrounding.baggage : undefined
  return { traceId, spanId, sampled: true, tracestate: traceState?.serialize(), baggage }
}
