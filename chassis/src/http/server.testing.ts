import { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { Registry } from 'prom-client'
import { onTestFinished } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import type { App } from '../service.ts'
import { createTracerFor } from '../telemetry/tracer.ts'
import { createHttp, type HttpOptions } from './server.ts'

/** Options of a route that anybody may call. */
export const open = { config: { access: 'public' } } as const

export type LogLine = Readonly<Record<string, unknown>>

export interface HttpFixture {
  readonly app: App
  readonly metrics: Registry
  readonly lines: readonly LogLine[]
  readonly spans: readonly ReadableSpan[]
}

/** An HTTP server with nothing behind it, whose log lines and spans are kept; it closes when the test ends. */
export async function startHttp(
  routes: HttpOptions['routes'],
  options: Partial<HttpOptions> = {},
): Promise<HttpFixture> {
  const lines: LogLine[] = []
  const spans: ReadableSpan[] = []
  const metrics = new Registry()
  const app = await createHttp({
    name: 'orders',
    summary: 'Takes orders.',
    paths: ['/orders'],
    routes,
    log: createLogger('orders', { LOG_LEVEL: 'debug', DEBUG: false, LOG_FORMAT: 'json' }, linesTo(lines)),
    metrics,
    tracer: await createTracerFor('orders', processorTo(spans)),
    authenticate: () => undefined,
    checks: {},
    isStopping: () => false,
    ...options,
  })
  onTestFinished(() => app.close())
  return { app, metrics, lines, spans }
}

/** Waits until `condition` gives something. @throws after 5 s. */
export async function eventually<Value>(
  condition: () => Value | undefined | false | Promise<Value | undefined | false>,
): Promise<Value> {
  const deadline = performance.now() + 5_000
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`still not so after 5 s: ${String(condition)}`)
    await pause(5)
  }
}

function linesTo(lines: LogLine[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine)
      done()
    },
  })
}

function processorTo(spans: ReadableSpan[]) {
  return {
    onStart() {},
    onEnd: (span: ReadableSpan) => void spans.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
}
