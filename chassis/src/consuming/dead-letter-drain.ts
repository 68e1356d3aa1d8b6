import type { Message } from '@feira/contracts'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { QueueNames } from '../broker/topology.ts'
import { emptied, withoutSubject, type LetterContent } from '../erasing/blank-dead-letters.ts'
import { findErased, subjectOf } from '../erasing/personal-data.ts'
import { newId } from '../ids.ts'
import type { Query, Resources } from '../service.ts'
import { readTraceHeaders } from '../telemetry/trace.ts'
import { attemptOf, headersOf, textOf, typeOf } from './delivery.ts'
import { fingerprint } from './failure.ts'

export interface DrainedQueue {
  readonly queues: QueueNames
  /** What its consumer takes: these contracts tell whom a dead letter is about. */
  readonly messages: readonly Message[]
}

/** Moves dead messages from the `.dlq` queues to `chassis.dead_letters`, where they can be looked at and replayed. */
export async function startDeadLetterDrain(
  channel: Channel,
  drained: readonly DrainedQueue[],
  { query, log }: Pick<Resources, 'query' | 'log'>,
  onBroken: (reason: string) => void,
): Promise<void> {
  await channel.prefetch(50)
  for (const each of drained) {
    const { dead } = each.queues
    await channel.consume(dead, raw => {
      if (raw === null) return onBroken(`queue ${dead} was deleted`)
      store(query, each, raw).then(
        () => settle(() => channel.ack(raw)),
        error => {
          log.warn({ err: error, queue: dead }, 'dead letter could not be stored; it stays in its queue')
          // Without a pause a database that is away would be asked in a tight circle.
          setTimeout(() => settle(() => channel.nack(raw, false, true)), 1_000).unref()
        },
      )
    })
  }
}

function settle(answer: () => void): void {
  try {
    answer()
  } catch {
    // The channel closed meanwhile: the message comes again.
  }
}

async function store(query: Query, { queues, messages }: DrainedQueue, raw: ConsumeMessage): Promise<void> {
  const type = typeOf(raw)
  const personal = personalDataOf(
    messages.find(message => message.type === type),
    raw.content,
  )
  const content = await withoutErased(query, personal, contentOf(raw))
  await query({
    // The same message again, unless it was replayed in between, is the same dead letter.
    text: `insert into chassis.dead_letters
             (id, attempts, queue, message_id, type, reason, error, fingerprint, trace_id, aggregate_id, payload, headers,
              subject_id, personal_fields)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
           on conflict (queue, message_id) where replayed_at is null do nothing`,
    // PostgreSQL's text holds no NUL.
    values: [
      newId(),
      attemptOf(raw),
      ...textsOf(raw, queues.main, content, personal).map(text => text?.replaceAll('\0', '\uFFFD') ?? null),
    ],
  })
}

function contentOf(raw: ConsumeMessage): LetterContent {
  const headers = headersOf(raw)
  return {
    payload: raw.content.toString('utf8'),
    error: textOf(headers['x-error']) ?? null,
    headers: { ...headers, 'correlation-id': textOf(raw.properties.correlationId) },
  }
}

function textsOf(raw: ConsumeMessage, queue: string, content: LetterContent, personal: Personal) {
  const headers = headersOf(raw)
  const reason = textOf(headers['x-reason']) ?? brokerReason(headers)
  return [
    queue,
    textOf(raw.properties.messageId) ?? newId(),
    typeOf(raw),
    reason,
    content.error,
    textOf(headers['x-fingerprint']) ?? fingerprint(queue, reason, textOf(headers['x-error']) ?? ''),
    readTraceHeaders(headers)?.traceId ?? null,
    textOf(headers['aggregate-id']) ?? null,
    content.payload,
    JSON.stringify(content.headers).replaceAll('\\u0000', '\\ufffd'),
    personal.subjectId,
    personal.fields?.join(',') ?? null,
  ]
}

/** When the broker gave up by itself (expiry, delivery limit) it says so in `x-death`. */
function brokerReason(headers: Record<string, unknown>): string {
  const [last] = (headers['x-death'] ?? []) as { reason?: string }[]
  return last?.reason ?? 'unknown'
}

interface Personal {
  /** Whom the message is about, and where it says so; null when that cannot be told, or nobody. */
  readonly subjectId: string | null
  readonly fields: readonly string[] | null
  /** It follows its contract: what is not in these fields is about nobody. */
  readonly fits: boolean
  /** Whom it may be about, as far as it can be told. */
  readonly candidates: readonly string[]
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi

/** By the contract; what does not follow one may be about anybody whose id is in it. */
function personalDataOf(contract: Message | undefined, content: Buffer): Personal {
  const text = content.toString('utf8')
  const { data, fits } = parse(contract, text)
  const subjectId = contract ? subjectOf(contract, data) : null
  const fields = subjectId === null ? null : (contract?.personal?.fields ?? [])
  const mentioned = fits ? [] : (text.match(uuid) ?? []).map(id => id.toLowerCase())
  return { subjectId, fields, fits, candidates: [...new Set(mentioned), subjectId].filter(id => id !== null) }
}

function parse(contract: Message | undefined, text: string): { data: unknown; fits: boolean } {
  try {
    const data: unknown = JSON.parse(text)
    return { data, fits: contract?.schema.safeParse(data).success ?? false }
  } catch {
    return { data: undefined, fits: false }
  }
}

async function withoutErased(query: Query, personal: Personal, letter: LetterContent): Promise<LetterContent> {
  const erased = await findErased(query, personal.candidates)
  if (erased.size === 0) return letter
  return personal.fits ? withoutSubject(letter, personal.fields ?? []) : emptied()
}
