import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, fieldsOf, type Contact } from '../ask.ts'
import type { TraceFacts } from './facts.ts'

/** A trace that services are asked to record. */
export interface TraceProbe {
  readonly traceId: string
  readonly headers: { readonly traceparent: string }
}

/** A new trace whose caller wants it recorded. */
export function newTrace(): TraceProbe {
  const traceId = randomBytes(16).toString('hex')
  return { traceId, headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` } }
}

/** Whether a service records the trace: its answer then names a span of its own, else that of the caller. */
export function isRecorded(contact: Contact, { traceId, headers }: TraceProbe): boolean {
  const response = contact.answered ? contact.headers.get('traceresponse') : undefined
  return response !== headers.traceparent && new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`).test(response ?? '')
}

/** Milliseconds. Services send what they have recorded every second. */
const patience = 6_000
const pause = 250

/** Waits until Jaeger has the part of each service that records the trace, at most 6 s; at once when it does not answer. */
export async function followTrace(
  { traceId }: TraceProbe,
  jaegerUrl: string,
  recording: readonly string[],
): Promise<TraceFacts> {
  if (recording.length === 0) return { jaegerUrl, recording, arrived: undefined }
  const until = Date.now() + patience
  for (;;) {
    const reply = await ask(`${jaegerUrl}/api/traces/${traceId}`)
    if (!reply.answered || ![200, 404].includes(reply.status)) return { jaegerUrl, recording, arrived: undefined }
    const arrived = servicesIn(fieldsOf(reply)['data'])
    if (recording.every(name => arrived.includes(name)) || Date.now() > until) return { jaegerUrl, recording, arrived }
    await sleep(pause)
  }
}

interface JaegerTrace {
  readonly processes?: Readonly<Record<string, { readonly serviceName?: string }>>
}

function servicesIn(data: unknown): string[] {
  const traces = Array.isArray(data) ? (data as JaegerTrace[]) : []
  const names = traces.flatMap(({ processes = {} }) =>
    Object.values(processes).map(({ serviceName = '' }) => serviceName),
  )
  return [...new Set(names.map(name => name.replace(/^app-/, '')))]
}
