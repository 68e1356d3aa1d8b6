import type { Span, SpanOptions, Tracer } from '../telemetry/tracer.ts'
import { errorCode } from './database-errors.ts'

/** Starts spans of one kind of work in one database. */
export type StartSpan = () => Span
/** @param target what a span is named by beside its operation; default the database. */
export type DatabaseSpans = (operation: string, target?: string) => StartSpan

/** By https://opentelemetry.io/docs/specs/semconv/db/postgresql/. */
export function databaseSpans(tracer: Tracer, url = ''): DatabaseSpans {
  const { hostname = '', port = '', pathname = '' } = URL.parse(url) ?? {}
  const namespace = decodeURIComponent(pathname.slice(1)) || undefined
  const server = hostname ? { 'server.address': hostname, 'server.port': Number(port || 5_432) } : {}
  const database = { 'db.system.name': 'postgresql', 'db.namespace': namespace, ...server }
  return (operation, target = namespace ?? 'postgresql') => {
    const options: SpanOptions = { kind: 'client', attributes: { ...database, 'db.operation.name': operation } }
    const name = `${operation} ${target}`
    return () => tracer.start(name, options)
  }
}

/** Ends a span with what went wrong, told by PostgreSQL's code where it is PostgreSQL that said so. */
export function endWith(span: Span, error: unknown): void {
  const code = errorCode(error) ?? ''
  // Those of sockets have no digits.
  const ofPostgres = /^(?=.*\d)[0-9A-Z]{5}$/.test(code)
  if (ofPostgres) span.set({ 'db.response.status_code': code, 'error.type': code })
  span.end(error)
}
