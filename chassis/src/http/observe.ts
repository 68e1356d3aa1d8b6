import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { inTrace, readTraceHeaders, unrecordedTrace, writeTraceHeaders } from '../telemetry/trace.ts'
import type { Span, Tracer } from '../telemetry/tracer.ts'
import { callerIdOf } from '../auth/caller.ts'
import { requestMetrics } from './request-metrics.ts'
import { securityHeaders } from './security-headers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked for every few seconds by machines: neither traced nor, unless it breaks, logged above `debug`. */
    readonly quiet?: boolean
  }
}

export interface Observer {
  /** Runs the handling of one request inside its server span, and reports it once its answer is out or given up. */
  observe(request: FastifyRequest, reply: FastifyReply, work: () => void): void
  /** Remembers why a request failed, for its log line and span. */
  failed(request: FastifyRequest, error: unknown): void
}

export interface ObserverOptions {
  readonly log: FastifyBaseLogger
  readonly metrics: Registry
  readonly tracer: Tracer
  readonly isStopping: () => boolean
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: string | undefined
  readonly quiet: boolean
  readonly span: Span
  readonly startedAt: number
}

// nginx's status for a client that left before its answer; nothing was sent, so there is no real one.
const clientLeft = 499

/** Correlation id, trace, metrics and access log of every request. */
export function createObserver({ log, metrics, tracer, isStopping }: ObserverOptions): Observer {
  const requests = requestMetrics(metrics)
  const failures = new WeakMap<FastifyRequest, unknown>()

  function finish(exchange: Exchange): void {
    const { request, reply, span, startedAt } = exchange
    const streamed = isEventStream(reply)
    const status = streamed || reply.raw.writableEnded ? reply.raw.statusCode : clientLeft
    const seconds = (performance.now() - startedAt) / 1_000
    const failure = failures.get(request)
    if (streamed) requests.left()
    else requests.finished(request.method, exchange.route, status, seconds)
    writeAccessLog(log, exchange, { status, seconds, failure })
    if (span.context.sampled) span.set(attributesOf(exchange, status))
    span.end(status >= 500 ? (failure ?? String(status)) : undefined)
    // A connection that was busy when the server closed is idle now; Node would wait for its client to go.
    const { server } = request.server
    if (isStopping() && !server.listening) server.closeIdleConnections()
  }

  return {
    observe(request, reply, work) {
      const { url: route, config } = request.routeOptions
      const quiet = config?.quiet === true
      const span = quiet ? untraced() : openSpan(tracer, request, route)
      const fields = { correlationId: request.id }
      const exchange = { request, reply, route, quiet, span, startedAt: performance.now() }
      requests.started()
      // Unlike Fastify's onResponse this also comes when the client leaves early.
      reply.raw.once('close', () => inTrace(span.context, fields, () => finish(exchange)))
      inTrace(span.context, fields, () => {
        announce(reply, request.id, span, isStopping())
        work()
      })
    },
    failed: (request, error) => void failures.set(request, error),
  }
}

// It lasts as long as its client likes, whose leaving is its proper end.
function isEventStream(reply: FastifyReply): boolean {
  return reply.raw.headersSent && String(reply.getHeader('content-type')).startsWith('text/event-stream')
}

/** The client's `x-correlation-id` or `x-request-id` where it is at most 128 visible ASCII characters, else a new one. */
export function correlationIdOf({ headers }: IncomingMessage): string {
  return accepted(headers['x-correlation-id']) ?? accepted(headers['x-request-id']) ?? randomUUID()
}

function accepted(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value) ? value : undefined
}

function openSpan(tracer: Tracer, request: FastifyRequest, route: string | undefined): Span {
  const method = knownMethod(request.method) ?? 'HTTP'
  const name = route === undefined ? method : `${method} ${route}`
  return tracer.start(name, { kind: 'server', parent: readTraceHeaders(request.headers) })
}

function untraced(): Span {
  return { context: unrecordedTrace(), set: nothing, end: nothing }
}

function nothing(): void {}

// `traceresponse` is of Trace Context level 2 (https://www.w3.org/TR/trace-context-2/#traceresponse-header).
function announce(reply: FastifyReply, correlationId: string, { context }: Span, stopping: boolean): void {
  reply.headers(securityHeaders)
  reply.header('x-correlation-id', correlationId)
  reply.header('x-trace-id', context.traceId)
  reply.header('traceresponse', writeTraceHeaders(context)['traceparent'])
  if (stopping) reply.header('connection', 'close')
}

interface Outcome {
  readonly status: number
  readonly seconds: number
  readonly failure: unknown
}

function writeAccessLog(log: FastifyBaseLogger, exchange: Exchange, { status, seconds, failure }: Outcome): void {
  const { request, route, quiet } = exchange
  const line = {
    method: request.method,
    route,
    path: pathOf(request),
    status,
    durationMs: Math.round(seconds * 1e6) / 1e3,
    ...(failure === undefined ? {} : { err: failure }),
  }
  const text = `${line.method} ${line.path} ${status}`
  if (quiet && status !== 500) log.debug(line, text)
  else if (status >= 500) log.error(line, text)
  else log.info(line, text)
}

// https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
function attributesOf({ request, route }: Exchange, status: number) {
  return {
    ...methodOf(request),
    // Nothing was sent to a client that left.
    'http.response.status_code': status === clientLeft ? undefined : status,
    'http.route': route,
    'url.path': pathOf(request),
    'url.scheme': request.protocol,
    'server.address': request.hostname,
    'server.port': request.port ?? undefined,
    'client.address': request.ip,
    'user.id': callerIdOf(request),
    'user_agent.original': request.headers['user-agent'],
    'network.peer.address': request.socket.remoteAddress,
    'network.peer.port': request.socket.remotePort,
    'network.protocol.version': request.raw.httpVersion,
  }
}

const methods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

// Others are as many as clients like to make up.
function knownMethod(method: string): string | undefined {
  return methods.has(method) ? method : undefined
}

function methodOf({ method }: FastifyRequest) {
  if (knownMethod(method)) return { 'http.request.method': method }
  return { 'http.request.method': '_OTHER', 'http.request.method_original': method }
}

/** The path alone: a query may hold what no log should. */
export function pathOf({ url }: { readonly url: string }): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
