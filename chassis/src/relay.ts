import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { BaseConfig } from './config.ts'
import { crashPoint } from './crash-point.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Outcome, Outgoing, Publisher } from './publisher.ts'
import { readTraceHeaders, writeTraceHeaders } from './trace.ts'
import type { Span, Tracer } from './tracer.ts'

/** Moves messages from the outbox to the broker. */
export interface Relay {
  /** There is something to publish: called after a commit by the process that made it. */
  wake(): void
  /** Finishes the batch at hand. */
  stop(): Promise<void>
}

export interface RelayOptions {
  readonly service: string
  readonly config: Pick<BaseConfig, 'DATABASE_URL' | 'OUTBOX_POLL_INTERVAL' | 'CRASH_AT'>
  readonly exchange: string
  readonly publisher: Publisher
  readonly tracer: Tracer
  readonly log: Logger
  readonly metrics: Metrics
}

interface ClaimedRow {
  readonly id: string
  readonly message_id: string
  readonly type: string
  readonly queue: string | null
  readonly aggregate_type: string
  readonly aggregate_id: string
  readonly aggregate_version: string | null
  readonly payload: string
  readonly headers: Record<string, string>
  readonly created_at: Date
  /** It is the probe of a destination that no queue served. */
  readonly unrouted: boolean
}

const batchSize = 500
/** Milliseconds after which a destination that no queue served is tried again. */
const unroutedPause = 30_000

const columns = `id, coalesce(message_id, id::text) as message_id, type, queue, aggregate_type, aggregate_id,
  aggregate_version, payload::text as payload, headers, created_at,
  unrouted_at is not null as unrouted`

const claimPending = {
  name: 'relay-claim',
  text: `select ${columns} from chassis.outbox where published_at is null and unrouted_at is null
         order by id limit ${batchSize} for update skip locked`,
}

// One message of each destination is enough to see whether a queue takes it by now, however many wait.
const claimProbes = {
  name: 'relay-probe',
  text: `select ${columns} from chassis.outbox where id in (
           select distinct on (type, queue) id from chassis.outbox where unrouted_at is not null order by type, queue, id)
         and unrouted_at is not null for update skip locked`,
}

/**
 * Starts a relay. Replicas share the work: each claims rows that no other holds. A message is marked only after the
 * broker confirmed it, so a crash in between publishes it again, and the inbox of each consumer drops the repetition.
 */
export function startRelay(options: RelayOptions): Relay {
  const { config, log, publisher } = options
  const pool = relayPool(options)
  let awake = false
  let wakeUp: (() => void) | undefined
  let stopping = false
  let probedAt = 0

  const idle = async (milliseconds: number) => {
    if (awake || stopping) return
    const timer = new AbortController()
    wakeUp = () => timer.abort()
    await sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => {})
    wakeUp = undefined
  }
  const pass = async () => {
    if (publisher.trouble() !== undefined) return 0
    if (Date.now() - probedAt > unroutedPause) {
      probedAt = Date.now()
      await publishBatch(pool, claimProbes, options)
    }
    return publishBatch(pool, claimPending, options)
  }
  const loop = async () => {
    let failures = 0
    while (!stopping) {
      awake = false
      try {
        const claimed = await pass()
        failures = 0
        if (claimed < batchSize) await idle(config.OUTBOX_POLL_INTERVAL)
      } catch (error) {
        failures++
        if (failures === 1 || failures % 20 === 0) log.warn({ err: error, failures }, 'relay could not publish')
        awake = false
        await idle(Math.min(100 * 2 ** failures, 5_000))
      }
    }
  }
  const running = loop()
  const wake = () => {
    awake = true
    wakeUp?.()
  }
  return {
    wake,
    async stop() {
      stopping = true
      wake()
      await running
      await pool.end()
    },
  }
}

// A connection of its own, so that busy requests cannot starve it.
function relayPool({ service, config, log }: RelayOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    max: 1,
    application_name: `${service}-relay`,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 0,
    statement_timeout: 30_000,
  })
  pool.on('error', error => log.warn({ err: error }, 'relay lost its database connection'))
  pool.on('connect', client => void client.on('error', () => {}))
  return pool
}

async function publishBatch(pool: pg.Pool, claim: pg.QueryConfig, options: RelayOptions): Promise<number> {
  const client = await pool.connect()
  let broken = true
  try {
    // Its commit need not wait for the disk: a mark that a crash of the server loses only means another publication.
    await client.query('begin; set local synchronous_commit to off')
    const { rows } = await client.query<ClaimedRow>(claim)
    const problem = rows.length > 0 ? await publishRows(client, rows, options) : undefined
    await client.query('commit')
    broken = false
    if (problem) throw problem
    return rows.length
  } finally {
    client.release(broken)
  }
}

/** @returns the first failure, after the rows that went well are marked. */
async function publishRows(
  client: pg.PoolClient,
  rows: ClaimedRow[],
  options: RelayOptions,
): Promise<Error | undefined> {
  const { publisher, config, exchange, service, metrics } = options
  crashPoint('before-publish', config.CRASH_AT)
  const spans = rows.map(row => startSpan(row, options.tracer))
  const outcomes = await publisher.publish(rows.map((row, index) => toOutgoing(row, spans[index], service, exchange)))
  crashPoint('after-publish', config.CRASH_AT)
  outcomes.forEach((outcome, index) => spans[index]?.end(outcome instanceof Error ? outcome : undefined))
  await markPublished(client, rowsWith(rows, outcomes, 'confirmed'))
  await markUnrouted(client, rowsWith(rows, outcomes, 'unroutable'), options.log)
  rows.forEach((row, index) => metrics.published(row.type, outcomes[index] as Outcome))
  return outcomes.find(outcome => outcome instanceof Error)
}

function rowsWith(rows: ClaimedRow[], outcomes: Outcome[], wanted: Outcome): ClaimedRow[] {
  return rows.filter((_, index) => outcomes[index] === wanted)
}

async function markPublished(client: pg.PoolClient, rows: ClaimedRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'relay-mark-published',
    text: 'update chassis.outbox set published_at = now(), unrouted_at = null where id = any($1::uuid[])',
    values: [rows.map(row => row.id)],
  })
  // A probe got through, so those that waited with it are due.
  for (const { type, queue } of rows.filter(row => row.unrouted)) {
    await client.query({
      text: `update chassis.outbox set unrouted_at = null
             where unrouted_at is not null and type = $1 and queue is not distinct from $2`,
      values: [type, queue],
    })
  }
}

async function markUnrouted(client: pg.PoolClient, rows: ClaimedRow[], log: Logger): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'relay-mark-unrouted',
    text: 'update chassis.outbox set unrouted_at = now() where id = any($1::uuid[])',
    values: [rows.map(row => row.id)],
  })
  const types = new Set(rows.filter(row => !row.unrouted).map(row => row.type))
  for (const type of types)
    log.debug({ eventType: type }, 'no queue takes this message; it is kept and tried every 30 s')
}

// A row whose trace nobody records needs no span: the message carries the row's own context on.
function startSpan(row: ClaimedRow, tracer: Tracer): Span | undefined {
  const parent = readTraceHeaders(row.headers)
  if (!parent?.sampled) return undefined
  return tracer.start(`send ${row.type}`, {
    kind: 'producer',
    parent,
    // https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
    attributes: {
      'messaging.system': 'rabbitmq',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': row.queue ?? 'feira.events',
      'messaging.rabbitmq.destination.routing_key': row.type,
      'messaging.message.id': row.message_id,
      'messaging.message.body.size': Buffer.byteLength(row.payload),
    },
  })
}

function toOutgoing(row: ClaimedRow, span: Span | undefined, service: string, exchange: string): Outgoing {
  const { 'correlation-id': correlationId, ...headers } = row.headers
  return {
    exchange: row.queue === null ? exchange : '',
    routingKey: row.queue ?? row.type,
    content: Buffer.from(row.payload),
    options: {
      messageId: row.message_id,
      type: row.type,
      // AMQP timestamps are seconds; `published-at` keeps the rest.
      timestamp: Math.trunc(row.created_at.getTime() / 1_000),
      contentType: 'application/json',
      appId: `app-${service}`,
      ...(correlationId ? { correlationId } : {}),
      headers: {
        ...headers,
        ...(span ? writeTraceHeaders(span.context) : {}),
        'published-at': row.created_at.toISOString(),
        'aggregate-type': row.aggregate_type,
        'aggregate-id': row.aggregate_id,
        ...(row.aggregate_version === null ? {} : { 'aggregate-version': Number(row.aggregate_version) }),
      },
    },
  }
}
