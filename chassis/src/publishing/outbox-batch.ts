import type pg from 'pg'
import { messageSpan } from '../broker/message-span.ts'
import type { BaseConfig } from '../config.ts'
import { crashPoint } from '../crash-point.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { ownFor } from './fresh-rows.ts'
import type { Mark } from './mark.ts'
import type { OutboxRow } from './outbox.ts'
import type { Outcome, Outgoing, Publisher } from './publisher.ts'
import { readTraceHeaders, writeTraceHeaders } from '../telemetry/trace.ts'
import type { Span, Tracer } from '../telemetry/tracer.ts'

export interface BatchOptions {
  readonly service: string
  readonly config: Pick<BaseConfig, 'BROKER_URL' | 'BROKER_NAMESPACE' | 'CRASH_AT'>
  readonly exchange: string
  readonly publisher: Publisher
  readonly tracer: Tracer
  readonly metrics: Metrics
}

/** A message on its way from the outbox to the broker. */
export interface Leaving extends Omit<OutboxRow, 'aggregateVersion' | 'subjectId' | 'personalFields'> {
  /** PostgreSQL's bigint comes as text. */
  readonly aggregateVersion: number | string | null
  /** It is the probe of a destination that no queue served. */
  readonly unrouted?: boolean
}

/** What became of a batch. */
export interface Published {
  readonly confirmed: number
  /** Why a message did not leave, if one did not; those that left are marked nonetheless. */
  readonly problem: Error | undefined
}

/** Rows claimed at a time. */
export const batchSize = 500
/** Rows that a probe which got through makes due at a time. */
const dueAtOnce = 10_000

const columns = `id, message_id as "messageId", type, queue, aggregate_type as "aggregateType",
  aggregate_id as "aggregateId", aggregate_version as "aggregateVersion", payload::text as payload, headers,
  created_at as "createdAt", unrouted_at is not null as unrouted`

const pending = (and: string) => `select ${columns} from chassis.outbox
  where published_at is null and unrouted_at is null ${and} order by id limit ${batchSize} for update skip locked`

/** The oldest rows that have not left and that no other relay holds. */
export const claimPending = { name: 'relay-claim', text: pending('') }

/** The same without those that their own process is about to publish; a clock that was set back must not hide any. */
export const claimLeftBehind = {
  name: 'relay-claim-left-behind',
  text: pending(`and created_at not between now() - interval '${ownFor} ms' and now()`),
}

/** One row of each destination that no queue served: enough to see whether one does by now, however many wait. */
export const claimProbes = {
  name: 'relay-probe',
  text: `select ${columns} from chassis.outbox where id in (
           select distinct on (type, queue) id from chassis.outbox where unrouted_at is not null order by type, queue, id)
         and unrouted_at is not null for update skip locked`,
}

/** Claims rows, publishes them and marks those that the broker confirmed or returned, in one transaction. */
export async function publishClaimed(
  pool: pg.Pool,
  claim: pg.QueryConfig,
  options: BatchOptions,
): Promise<Published & { readonly ids: readonly string[] }> {
  const client = await pool.connect()
  let broken = true
  try {
    const [, { rows }] = await Promise.all([client.query('begin'), client.query<Leaving>(claim)])
    const outcomes = rows.length > 0 ? await publishRows(rows, options) : []
    await Promise.all([...settle(client, rows, outcomes), client.query('commit')])
    broken = false
    return { ...summary(outcomes), ids: rows.map(({ id }) => id) }
  } finally {
    client.release(broken)
  }
}

/**
 * Publishes rows that this process has just committed and has them marked. Nothing is claimed: other relays leave them
 * alone for a while, and should one of them not do so, readers drop the repetition.
 */
export async function publishFresh(mark: Mark, rows: readonly OutboxRow[], options: BatchOptions): Promise<Published> {
  const outcomes = await publishRows(rows, options)
  await mark(rows, outcomes)
  return summary(outcomes)
}

function summary(outcomes: readonly Outcome[]): Published {
  return {
    confirmed: outcomes.filter(outcome => outcome === 'confirmed').length,
    problem: outcomes.find(outcome => outcome instanceof Error),
  }
}

async function publishRows(rows: readonly Leaving[], options: BatchOptions): Promise<Outcome[]> {
  const { publisher, config, metrics } = options
  crashPoint('before-publish', config.CRASH_AT)
  const spans = rows.map(row => startSpan(row, options))
  const outcomes = await publisher.publish(rows.map((row, index) => toOutgoing(row, spans[index], options)))
  crashPoint('after-publish', config.CRASH_AT)
  outcomes.forEach((outcome, index) => spans[index]?.end(outcome === 'confirmed' ? undefined : outcome))
  rows.forEach((row, index) => metrics.published(row.type, outcomes[index] as Outcome))
  return outcomes
}

/** A connection, or a pool of one. */
type Querying = Pick<pg.Pool, 'query'> | Pick<pg.PoolClient, 'query'>

/** Sends the statements that note what became of each row. */
export function settle(client: Querying, rows: readonly Leaving[], outcomes: readonly Outcome[]): Promise<unknown>[] {
  return [
    ...markPublished(client, rowsWith(rows, outcomes, 'confirmed')),
    ...markUnrouted(client, rowsWith(rows, outcomes, 'unroutable')),
  ]
}

function rowsWith(rows: readonly Leaving[], outcomes: readonly Outcome[], wanted: Outcome): Leaving[] {
  return rows.filter((_, index) => outcomes[index] === wanted)
}

function markPublished(client: Querying, rows: readonly Leaving[]): Promise<unknown>[] {
  if (rows.length === 0) return []
  const marked = client.query({
    name: 'relay-mark-published',
    text: 'update chassis.outbox set published_at = now(), unrouted_at = null where id = any($1::uuid[])',
    values: [rows.map(row => row.id)],
  })
  // A probe got through, so those that waited with it are due.
  const due = rows
    .filter(row => row.unrouted)
    .map(({ type, queue }) =>
      client.query({
        text: `update chassis.outbox set unrouted_at = null where id in (
                 select id from chassis.outbox
                 where unrouted_at is not null and type = $1 and queue is not distinct from $2
                 order by id limit ${dueAtOnce})`,
        values: [type, queue],
      }),
    )
  return [marked, ...due]
}

function markUnrouted(client: Querying, rows: readonly Leaving[]): Promise<unknown>[] {
  if (rows.length === 0) return []
  const text = 'update chassis.outbox set unrouted_at = now() where id = any($1::uuid[])'
  return [client.query({ name: 'relay-mark-unrouted', text, values: [rows.map(row => row.id)] })]
}

// A row whose trace nobody records needs no span: the message carries the row's own context on.
function startSpan(row: Leaving, options: BatchOptions): Span | undefined {
  const { tracer, exchange } = options
  const parent = readTraceHeaders(row.headers)
  // The first attempt had a span; one for every probe after it would stretch the trace without end.
  if (!parent?.sampled || row.unrouted) return undefined
  const queue = queueOf(row, options)
  const { name, attributes } = messageSpan('publish', {
    brokerUrl: options.config.BROKER_URL,
    exchange: queue === null ? exchange : '',
    routingKey: queue ?? row.type,
    messageId: row.messageId ?? row.id,
    correlationId: row.headers['correlation-id'],
    bodySize: Buffer.byteLength(row.payload),
  })
  return tracer.start(name, { kind: 'producer', parent, attributes })
}

// Whoever publishes names a queue as on the wire; a replay names it as the broker knows it.
function queueOf({ queue }: Leaving, { config: { BROKER_NAMESPACE: namespace } }: BatchOptions): string | null {
  return queue === null || queue.startsWith(namespace) ? queue : namespace + queue
}

function toOutgoing(row: Leaving, span: Span | undefined, options: BatchOptions): Outgoing {
  const { service, exchange } = options
  const queue = queueOf(row, options)
  const { 'correlation-id': correlationId, ...headers } = row.headers
  return {
    exchange: queue === null ? exchange : '',
    routingKey: queue ?? row.type,
    content: Buffer.from(row.payload),
    options: {
      messageId: row.messageId ?? row.id,
      type: row.type,
      // AMQP timestamps are seconds; `published-at` keeps the rest.
      timestamp: Math.trunc(row.createdAt.getTime() / 1_000),
      contentType: 'application/json',
      appId: `app-${service}`,
      ...(correlationId ? { correlationId } : {}),
      headers: {
        // A replay brings the time of the message that it repeats.
        'published-at': row.createdAt.toISOString(),
        ...headers,
        ...(span ? writeTraceHeaders(span.context) : {}),
        'aggregate-type': row.aggregateType,
        'aggregate-id': row.aggregateId,
        ...(row.aggregateVersion === null ? {} : { 'aggregate-version': Number(row.aggregateVersion) }),
      },
    },
  }
}
