import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { Rejection } from '../rejection.ts'
import type { App } from '../service.ts'
import { createChecks, type Checks, type Conditions } from './checks.ts'

export interface ProbeOptions {
  readonly paths: readonly string[]
  readonly checks: Checks
  readonly metrics: Registry
  readonly isStopping: () => boolean
  readonly log: FastifyBaseLogger
}

const machineOnly = { schema: { hide: true }, config: { access: 'public', quiet: true } } as const

/**
 * `/live`, `/health` and `/ready` at the root and below each public path, and `/metrics` at the root alone, where no
 * gateway route leads.
 */
export function addProbes(app: App, { paths, checks, metrics, isStopping, log }: ProbeOptions): void {
  const look = createChecks(checks, log)
  for (const base of ['', ...paths]) {
    app.get(`${base}/live`, machineOnly, (_request, reply) => reply.type('text/plain').send('OK'))
    app.get(`${base}/health`, machineOnly, async (request, reply) => answerHealth(request, reply, await look()))
    app.get(`${base}/ready`, machineOnly, async () => {
      const reasons = isStopping() ? ['the service is stopping'] : faults(await look())
      if (reasons.length > 0) throw notReady(reasons)
      return { status: 'ready' }
    })
  }
  const scrape = shared(() => metrics.metrics())
  app.get('/metrics', machineOnly, async (_request, reply) => reply.type(metrics.contentType).send(await scrape()))
}

/** Whoever asks while an answer is being made gets the same. */
function shared(make: () => Promise<string>): () => Promise<string> {
  let making: Promise<string> | undefined
  return () => (making ??= make().finally(() => (making = undefined)))
}

function answerHealth({ headers }: FastifyRequest, reply: FastifyReply, dependencies: Conditions): FastifyReply {
  const found = faults(dependencies)
  const healthy = found.length === 0
  reply.code(healthy ? 200 : 503).header('cache-control', 'no-store')
  if (headers.accept?.includes('application/json')) {
    return reply.send({ status: healthy ? 'ok' : 'unavailable', dependencies })
  }
  return reply.type('text/plain').send(healthy ? 'OK' : found.join('\n'))
}

function faults(conditions: Conditions): string[] {
  return Object.entries(conditions)
    .filter(([, { status }]) => status === 'down')
    .map(([name, { reason }]) => `${name}: ${reason}`)
}

function notReady(reasons: readonly string[]): Rejection {
  return new Rejection('not-ready', 503, reasons.join('; '), { headers: { 'retry-after': '1' } })
}
