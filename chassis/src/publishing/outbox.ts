import type { Message, Payload } from '@feira/contracts'
import { subjectOf } from '../erasing/personal-data.ts'
import { newId } from '../ids.ts'
import type { PublishOptions, Query } from '../service.ts'
import { currentFields, currentTrace, unrecordedTrace, writeTraceHeaders } from '../telemetry/trace.ts'

/** A message on its way into `chassis.outbox`. */
export interface OutboxRow {
  readonly id: string
  /** What its readers know it by; null where that is its own id. */
  readonly messageId: string | null
  readonly type: string
  readonly queue: string | null
  readonly aggregateType: string
  readonly aggregateId: string
  readonly aggregateVersion: number | null
  /** JSON text. */
  readonly payload: string
  readonly headers: Readonly<Record<string, string>>
  /** Whose personal data the payload holds; null also when nobody knows whose. */
  readonly subjectId: string | null
  /** In which of its fields, separated by commas; null when in none. */
  readonly personalFields: string | null
  /** When it was made; the table has the time of the transaction. */
  readonly createdAt: Date
}

/**
 * Validates a payload and wraps it for the outbox, with the trace and correlation of the running request or message.
 * @throws ZodError when the payload does not fit the message's schema.
 */
export function toOutboxRow<M extends Message>(
  message: M,
  payload: Payload<M>,
  options: PublishOptions = {},
): OutboxRow {
  const data = message.schema.parse(payload) as Record<string, unknown>
  const { aggregate, personal } = message
  const subjectId = subjectOf(message, data)
  const isPersonal = subjectId !== null || personal?.fields.some(field => (data[field] ?? null) !== null)
  return {
    id: newId(),
    messageId: null,
    type: message.type,
    queue: options.queue ?? null,
    aggregateType: aggregate.type,
    aggregateId: String(data[aggregate.id]),
    aggregateVersion: aggregate.version === undefined ? null : Number(data[aggregate.version]),
    payload: JSON.stringify(data),
    headers: conversationHeaders(options),
    subjectId,
    personalFields: isPersonal ? (personal?.fields.join(',') ?? null) : null,
    createdAt: new Date(),
  }
}

function conversationHeaders({ cause }: PublishOptions): Record<string, string> {
  const headers = writeTraceHeaders(cause?.trace ?? currentTrace() ?? unrecordedTrace())
  const correlationId = cause ? (cause.correlationId ?? cause.id) : currentFields()?.['correlationId']
  if (typeof correlationId === 'string') headers['correlation-id'] = correlationId
  if (cause) headers['caused-by'] = cause.id
  return headers
}

export const outboxColumns =
  'id, message_id, type, queue, aggregate_type, aggregate_id, aggregate_version, payload, headers, subject_id, personal_fields'

/** The PostgreSQL array types of {@link outboxArrays}, in order. */
export const outboxTypes = [
  'uuid',
  'text',
  'text',
  'text',
  'text',
  'text',
  'bigint',
  'jsonb',
  'jsonb',
  'text',
  'text',
] as const

/** The rows turned on their side: one array per column, for `unnest`. */
export function outboxArrays(rows: readonly OutboxRow[]): unknown[][] {
  return [
    rows.map(row => row.id),
    rows.map(row => row.messageId),
    rows.map(row => row.type),
    rows.map(row => row.queue),
    rows.map(row => row.aggregateType),
    rows.map(row => row.aggregateId),
    rows.map(row => row.aggregateVersion),
    rows.map(row => row.payload),
    rows.map(row => JSON.stringify(row.headers)),
    rows.map(row => row.subjectId),
    rows.map(row => row.personalFields),
  ]
}

const insertText = `insert into chassis.outbox (${outboxColumns}) select * from unnest(${outboxTypes
  .map((type, index) => `$${index + 1}::${type}[]`)
  .join(', ')})`

/** Appends messages in the transaction that `query` belongs to; they leave when it commits. */
export async function appendToOutbox(query: Query, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return
  await query({ name: 'outbox-append', text: insertText, values: outboxArrays(rows) })
}
