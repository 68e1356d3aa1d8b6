import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumeMessage, Options } from 'amqplib'
import { BreakerOpen } from '../circuit-breaker.ts'
import { withoutStatement } from '../database/database-errors.ts'
import { attemptOf, headersOf, Malformed, typeOf } from './delivery.ts'
import type { Publisher } from '../publishing/publisher.ts'
import { Rejection } from '../rejection.ts'
import type { QueueNames } from '../broker/topology.ts'

/** Why a message was given up. */
export type DeathReason = 'malformed' | 'rejected' | 'attempts-exhausted' | 'kills-its-process'

/** What to do with a message whose handler failed: another attempt after a pause, or the dead-letter queue. */
export type Verdict =
  | { readonly kind: 'retry'; readonly queue: string; readonly attempt: number }
  | { readonly kind: 'dead'; readonly reason: DeathReason }

export function judge(error: unknown, attempt: number, queues: QueueNames): Verdict {
  if (error instanceof Malformed) return { kind: 'dead', reason: 'malformed' }
  if (error instanceof Rejection) return { kind: 'dead', reason: 'rejected' }
  // Nothing was attempted: the message waits until calls come through again, however long that takes.
  const waits = error instanceof BreakerOpen
  const retry = waits ? pauseOf(error.wait, attempt, queues) : queues.retries[attempt - 1]
  if (!retry) return { kind: 'dead', reason: 'attempts-exhausted' }
  return { kind: 'retry', queue: retry.name, attempt: waits ? attempt : attempt + 1 }
}

/** The longest pause that is over by the time of the message's turn, or the attempt's own where nobody knows that time. */
function pauseOf(
  wait: number | undefined,
  attempt: number,
  { retries }: QueueNames,
): QueueNames['retries'][number] | undefined {
  if (wait === undefined) return retries[attempt - 1] ?? retries.at(-1)
  return retries.findLast(({ delay }) => delay <= wait) ?? retries[0]
}

/**
 * Sends a failed message on to its retry or dead-letter queue and returns when the broker has it.
 * @throws when `signal` aborts first; the message is then still in its own queue.
 */
export async function passOn(
  publisher: Publisher,
  raw: ConsumeMessage,
  queues: QueueNames,
  { verdict, error, signal }: { readonly verdict: Verdict; readonly error: unknown; readonly signal: AbortSignal },
): Promise<void> {
  const copy = {
    exchange: '',
    routingKey: verdict.kind === 'retry' ? verdict.queue : queues.dead,
    content: raw.content,
    options: {
      ...propertiesOf(raw),
      headers: {
        ...ownHeaders(raw),
        'x-error': describe(error),
        ...(verdict.kind === 'retry'
          ? { 'x-attempt': verdict.attempt }
          : {
              'x-attempt': attemptOf(raw),
              'x-reason': verdict.reason,
              'x-fingerprint': fingerprint(queues.main, verdict.reason, error),
            }),
      },
    },
  }
  for (let pause = 100; ; pause = Math.min(pause * 2, 5_000)) {
    const [outcome] = await publisher.publish([copy])
    if (outcome === 'confirmed') return
    if (outcome === 'unroutable') throw new Error(`queue ${copy.routingKey} does not exist`)
    await sleep(pause, undefined, { signal })
  }
}

/** Equal for failures of the same cause: what differs between two messages (ids, numbers) is left out. */
export function fingerprint(queue: string, reason: string, error: unknown): string {
  const cause = describe(error).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b|\d+/gi, '#')
  const root = withoutStatement(error)
  const name = root instanceof Error ? root.name : ''
  return createHash('sha256').update([queue, reason, name, cause].join('|')).digest('hex').slice(0, 16)
}

/** What an error says, with its cause, in at most 1,000 characters: header tables are limited. */
export function describe(thrown: unknown): string {
  const error = withoutStatement(thrown)
  const text = error instanceof Error ? error.message : String(error)
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${text}${cause}`.slice(0, 1_000)
}

type Properties = ConsumeMessage['properties']

function propertiesOf(raw: ConsumeMessage) {
  const { properties, content } = raw
  const messageId: unknown = properties.messageId
  return {
    // A message that comes back from a retry queue has that queue's name for its routing key.
    type: typeOf(raw),
    ...kept(properties, ['timestamp', 'contentType', 'correlationId', 'appId']),
    // Without an id it could not be told apart later; its content can.
    messageId: typeof messageId === 'string' && messageId ? messageId : `content-${digest(content)}`,
  }
}

function kept(properties: Properties, names: readonly (keyof Properties)[]): Options.Publish {
  return Object.fromEntries(
    names.map((name): [string, unknown] => [name, properties[name]]).filter(([, value]) => value !== undefined),
  )
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

const brokersOwn = /^x-(death|first-death|last-death|delivery-count)/
const knownHeaders = /^(traceparent|tracestate|baggage|caused-by|published-at|aggregate-(type|id|version))$/

// The broker's own notes grow with every pass through a retry queue. And a header table of more than 64 KiB, which
// amqplib cannot encode, could never be passed on: of a large one only what Feira reads is kept.
function ownHeaders(raw: ConsumeMessage): Record<string, unknown> {
  const entries = Object.entries(headersOf(raw)).filter(([name]) => !brokersOwn.test(name))
  if (JSON.stringify(entries).length < 16_384) return Object.fromEntries(entries)
  return Object.fromEntries(entries.filter(([name, value]) => knownHeaders.test(name) && String(value).length < 1_000))
}
