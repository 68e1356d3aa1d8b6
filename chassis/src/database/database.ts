import { setTimeout as sleep } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { BaseConfig } from '../config.ts'
import { connectionOptions, type DatabaseSettings } from './connection.ts'
import { isConflict } from './database-errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { appendToOutbox, toOutboxRow, type OutboxRow } from '../publishing/outbox.ts'
import type { Database, Query, Transact, Transaction } from '../service.ts'
import { TimeLimitExceeded } from '../time-limit.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import { inTrace, currentFields } from '../telemetry/trace.ts'
import { prepareConnection } from './prepare-connection.ts'
import { databaseSpans, endWith, type StartSpan } from './spans.ts'

type Settings = DatabaseSettings & Pick<BaseConfig, 'DATABASE_POOL'> & Partial<Pick<BaseConfig, 'HANDLER_TIMEOUT'>>

export interface DatabaseConnection {
  readonly pool: pg.Pool
  readonly db: Database
  readonly query: Query
  /** @throws when PostgreSQL does not answer. */
  check(): Promise<void>
  close(): Promise<void>
}

/** A connection pool; it connects when first used and survives a restart of the server. */
export function openDatabase(name: string, settings: Settings, log: Logger): DatabaseConnection {
  const options = connectionOptions(settings)
  if (options.ssl && options.ssl.rejectUnauthorized === false)
    log.warn('the server of the database is not checked: sslmode=verify-full and DATABASE_CA do that')
  const pool = new pg.Pool({
    ...options,
    max: settings.DATABASE_POOL,
    application_name: name,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    pipeline: true,
    statement_timeout: 30_000,
    // For a process that stopped in the middle: a handler that hangs is given up before.
    idle_in_transaction_session_timeout: (settings.HANDLER_TIMEOUT ?? 30_000) + 30_000,
    // For a server that says nothing at all any more; on its own side it has given up by then.
    query_timeout: 35_000,
  })
  // Without this listener, and that of each connection, a restart of PostgreSQL ends the process.
  pool.on('error', error => log.warn({ err: error }, 'idle database connection lost'))
  pool.on('connect', client => prepareConnection(client))
  return {
    pool,
    db: drizzle({ client: pool }),
    query: statement => pool.query(statement),
    check: async () => void (await pool.query('select 1')),
    close: () => pool.end(),
  }
}

export interface TransactOptions {
  readonly pool: pg.Pool
  readonly tracer: Tracer
  /** Called after a commit with the messages that it left in the outbox. */
  readonly onPublished: (messages: readonly OutboxRow[]) => void
  /** Called with what a transaction invalidated, after its commit; its result is awaited. */
  readonly onInvalidated?: (tags: readonly string[]) => void | Promise<void>
}

const conflictRetries = 5

/** Makes the {@link Transact} of a service. */
export function createTransact(options: TransactOptions): Transact {
  const startSpan = databaseSpans(options.tracer, options.pool.options.connectionString)('TRANSACTION')
  return async work => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await runTraced(options, startSpan, work)
      } catch (error) {
        if (attempt > conflictRetries || !isConflict(error)) throw error
        // Two transactions that collided would collide again if both came back at once.
        await sleep(Math.random() * 20 * attempt)
      }
    }
  }
}

async function runTraced<Result>(
  options: TransactOptions,
  startSpan: StartSpan,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  const span = startSpan()
  try {
    const result = await inTrace(span.context, currentFields() ?? {}, () => run(options, work))
    span.end()
    return result
  } catch (error) {
    endWith(span, error)
    throw error
  }
}

async function run<Result>(
  { pool, onPublished, onInvalidated }: TransactOptions,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  const messages: OutboxRow[] = []
  const invalidated: string[] = []
  const later: (() => void)[] = []
  let mayBeCommitted = false
  let broken = false
  try {
    // BEGIN travels with the first statement of the work.
    const begun = client.query('BEGIN')
    begun.catch(() => {}) // reported below, unless the work fails of the same reason first
    const result = await work(transactionOn(client, { messages, invalidated, later }))
    await begun
    mayBeCommitted = true
    const { command } = await appendAndCommit(client, messages)
    // PostgreSQL answers so, without an error, when a statement failed before and its error was swallowed.
    mayBeCommitted = command !== 'ROLLBACK'
    if (!mayBeCommitted) throw new Error('A statement of the transaction failed, so nothing was written.')
    if (messages.length > 0) onPublished(messages)
    for (const each of later) afterwards(each)
    return result
  } catch (error) {
    // A client that cannot roll back, or that work still uses which nobody waits for, must not serve anybody else.
    if (error instanceof TimeLimitExceeded) broken = true
    else await client.query('ROLLBACK').catch(() => (broken = true))
    throw error
  } finally {
    client.release(broken)
    // A COMMIT that was not answered may have happened, and evicting too much does no harm.
    if (mayBeCommitted && invalidated.length > 0) await onInvalidated?.(invalidated)
  }
}

/** Does what follows a commit: whoever asked for that must not be told otherwise, nor do it again, if this fails. */
export function afterwards(work: () => void): void {
  try {
    work()
  } catch (error) {
    process.emitWarning(error as Error)
  }
}

// COMMIT travels with the outbox rows, and where they failed PostgreSQL makes a ROLLBACK of it.
async function appendAndCommit(client: pg.PoolClient, messages: readonly OutboxRow[]) {
  const [appended, committed] = await Promise.allSettled([
    appendToOutbox(statement => client.query(statement), messages),
    client.query('COMMIT'),
  ])
  if (appended.status === 'rejected') throw appended.reason
  if (committed.status === 'rejected') throw committed.reason
  return committed.value
}

/** What a transaction leaves to be done when it ends. */
interface Remainder {
  readonly messages: OutboxRow[]
  readonly invalidated: string[]
  readonly later: (() => void)[]
}

function transactionOn(client: pg.PoolClient, { messages, invalidated, later }: Remainder): Transaction {
  let db: Database | undefined
  return {
    get db() {
      return (db ??= drizzle({ client }))
    },
    query: statement => client.query(statement),
    publish: (message, payload, options) => void messages.push(toOutboxRow(message, payload, options)),
    invalidate: (...tags) => void invalidated.push(...tags),
    afterCommit: work => void later.push(work),
  }
}
