import type { Channel, ConsumeMessage } from 'amqplib'
import { attemptOf, headersOf, textOf } from './delivery.ts'
import { fingerprint } from './failure.ts'
import { newId } from './ids.ts'
import type { Query, Resources } from './service.ts'
import type { QueueNames } from './topology.ts'
import { readTraceHeaders } from './trace.ts'

/** Moves dead messages from the `.dlq` queues to `chassis.dead_letters`, where they can be looked at and replayed. */
export async function startDeadLetterDrain(
  channel: Channel,
  queues: readonly QueueNames[],
  { query, log }: Pick<Resources, 'query' | 'log'>,
  onBroken: (reason: string) => void,
): Promise<void> {
  await channel.prefetch(50)
  for (const { main, dead } of queues) {
    await channel.consume(dead, raw => {
      if (raw === null) return onBroken(`queue ${dead} was deleted`)
      store(query, main, raw)
        .then(() => channel.ack(raw))
        .catch(error => {
          log.warn({ err: error, queue: dead }, 'dead letter could not be stored; it stays in its queue')
          // Without a pause a database that is away would be asked in a tight circle.
          setTimeout(() => giveBack(channel, raw), 1_000).unref()
        })
    })
  }
}

function giveBack(channel: Channel, raw: ConsumeMessage): void {
  try {
    channel.nack(raw, false, true)
  } catch {
    // The channel closed meanwhile, which gives the message back too.
  }
}

async function store(query: Query, queue: string, raw: ConsumeMessage): Promise<void> {
  const headers = headersOf(raw)
  const reason = textOf(headers['x-reason']) ?? brokerReason(headers)
  const error = textOf(headers['x-error'])
  await query({
    // The same message again, unless it was replayed in between, is the same dead letter.
    text: `insert into chassis.dead_letters
             (id, queue, message_id, type, reason, error, attempts, fingerprint, trace_id, aggregate_id, payload, headers)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
           on conflict (queue, message_id) where replayed_at is null do nothing`,
    values: [
      newId(),
      queue,
      textOf(raw.properties.messageId) ?? newId(),
      textOf(raw.properties.type) ?? raw.fields.routingKey,
      reason,
      error ?? null,
      attemptOf(raw),
      textOf(headers['x-fingerprint']) ?? fingerprint(queue, reason, error ?? ''),
      readTraceHeaders(headers)?.traceId ?? null,
      textOf(headers['aggregate-id']) ?? null,
      // PostgreSQL's text holds no NUL.
      raw.content.toString('utf8').replaceAll('\0', '\uFFFD'),
      JSON.stringify({ ...headers, 'correlation-id': textOf(raw.properties.correlationId) }).replaceAll(
        '\\u0000',
        '\\ufffd',
      ),
    ],
  })
}

/** When the broker gave up by itself (expiry, delivery limit) it says so in `x-death`. */
function brokerReason(headers: Record<string, unknown>): string {
  const [last] = (headers['x-death'] ?? []) as { reason?: string }[]
  return last?.reason ?? 'unknown'
}

/** What a replay takes: one dead letter, all of one cause, or all. */
export type ReplaySelection = { readonly id: string } | { readonly fingerprint: string } | { readonly all: true }

// A body that is not JSON was malformed and would only die again.
const replayable = `replayed_at is null and reason <> 'malformed'`

/**
 * Sends dead letters back to the queue they died in, through the outbox, under their own message ids and with fresh
 * attempts.
 * @returns how many.
 */
export async function replayDeadLetters(query: Query, selection: ReplaySelection): Promise<number> {
  const { rows } = await query<{ id: string }>({
    text: `select id from chassis.dead_letters where ${replayable} and ${conditionOf(selection)} order by id`,
    values: valuesOf(selection),
  })
  if (rows.length === 0) return 0
  const ids = rows.map(row => row.id)
  const { rowCount } = await query({
    text: `with replayed as (
             update chassis.dead_letters set replayed_at = now()
             where id = any($1::uuid[]) and replayed_at is null returning *)
           insert into chassis.outbox (id, message_id, type, queue, aggregate_type, aggregate_id, payload, headers)
           select chosen.outbox_id, message_id, type, queue, coalesce(headers ->> 'aggregate-type', ''), coalesce(aggregate_id, ''),
             payload::jsonb,
             (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each_text(headers) where key in
               ('traceparent', 'tracestate', 'baggage', 'correlation-id', 'caused-by', 'published-at'))
           from replayed join unnest($1::uuid[], $2::uuid[]) as chosen (id, outbox_id) using (id)`,
    values: [ids, ids.map(() => newId())],
  })
  return rowCount ?? 0
}

/** How many dead letters a replay would take. */
export async function countReplayable(query: Query, selection: ReplaySelection): Promise<number> {
  const { rows } = await query<{ count: number }>({
    text: `select count(*)::int as count from chassis.dead_letters where ${replayable} and ${conditionOf(selection)}`,
    values: valuesOf(selection),
  })
  return rows[0]?.count ?? 0
}

function conditionOf(selection: ReplaySelection): string {
  if ('id' in selection) return 'id = $1'
  return 'fingerprint' in selection ? 'fingerprint = $1' : 'true'
}

function valuesOf(selection: ReplaySelection): string[] {
  if ('id' in selection) return [selection.id]
  return 'fingerprint' in selection ? [selection.fingerprint] : []
}
