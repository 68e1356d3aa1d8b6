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
}

const batchSize = 500
/** Milliseconds after which a message that no queue took is tried again. */
const unroutedPause = 30_000

const claimText = `select id, coalesce(message_id, id::text) as message_id, type, queue, aggregate_type, aggregate_id,
    aggregate_version, payload::text as payload, headers, created_at
  from chassis.outbox where published_at is null and unrouted_at is null
  order by id limit ${batchSize} for update skip locked`

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
  let retriedUnroutedAt = 0

  const idle = async (milliseconds: number) => {
    if (awake || stopping) return
    const timer = new AbortController()
    wakeUp = () => timer.abort()
    await sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => {})
    wakeUp = undefined
  }
  const pass = async () => {
    if (publisher.trouble() !== undefined) return 0
    if (Date.now() - retriedUnroutedAt > unroutedPause / 6) {
      retriedUnroutedAt = Date.now()
      await retryUnrouted(pool)
    }
    return publishBatch(pool, options)
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

// A connection of its own, so that busy requests cannot starve it. Its commits need not wait for the disk: a mark that a
// crash of the server loses only means that the message is published again.
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
  pool.on('connect', client => {
    client.on('error', () => {})
    client.query('set synchronous_commit to off').catch(() => {})
  })
  return pool
}

async function retryUnrouted(pool: pg.Pool): Promise<void> {
  await pool.query({
    name: 'relay-retry-unrouted',
    text: `update chassis.outbox set unrouted_at = null
           where unrouted_at < now() - make_interval(secs => $1) and published_at is null`,
    values: [unroutedPause / 1_000],
  })
}

async function publishBatch(pool: pg.Pool, options: RelayOptions): Promise<number> {
  const client = await pool.connect()
  let broken = true
  try {
    await client.query('begin')
    const { rows } = await client.query<ClaimedRow>({ name: 'relay-claim', text: claimText })
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
  await mark(client, 'published_at', idsOf(rows, outcomes, 'confirmed'))
  await mark(client, 'unrouted_at', idsOf(rows, outcomes, 'unroutable'))
  rows.forEach((row, index) => metrics.published(row.type, outcomes[index] as Outcome))
  warnUnroutable(rows, outcomes, options.log)
  return outcomes.find(outcome => outcome instanceof Error)
}

function idsOf(rows: ClaimedRow[], outcomes: Outcome[], wanted: Outcome): string[] {
  return rows.filter((_, index) => outcomes[index] === wanted).map(row => row.id)
}

async function mark(client: pg.PoolClient, column: 'published_at' | 'unrouted_at', ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const text = `update chassis.outbox set ${column} = now() where id = any($1::uuid[])`
  await client.query({ name: `relay-mark-${column}`, text, values: [ids] })
}

function warnUnroutable(rows: ClaimedRow[], outcomes: Outcome[], log: Logger): void {
  const types = new Set(rows.filter((_, index) => outcomes[index] === 'unroutable').map(row => row.type))
  for (const type of types) log.warn({ eventType: type }, 'no queue takes this message; kept and tried again in 30 s')
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
