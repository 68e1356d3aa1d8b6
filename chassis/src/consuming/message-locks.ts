import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { connectionOptions, type DatabaseSettings } from '../database/connection.ts'
import { isConnectionLost } from '../database/database-errors.ts'
import type { Logger } from '../telemetry/log.ts'

/** Sees to it that a message is worked on by one at a time, among all replicas of a service. */
export interface MessageLocks {
  /**
   * Runs `work` as soon as nobody else holds `key` and PostgreSQL answers.
   * @throws when `signal` aborts first, or what `work` threw.
   */
  hold<Result>(key: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

/** Milliseconds between two looks at a lock that another replica holds. */
const pause = 200

/**
 * Locks that are held on a connection of their own, by PostgreSQL's advisory locks: no transaction stays open meanwhile,
 * and a process that dies gives them back. If that connection is lost while work goes on, so is the exclusion.
 */
export function openMessageLocks(service: string, settings: DatabaseSettings, log: Logger): MessageLocks {
  const pool = lockPool(service, settings, log)
  // PostgreSQL gives the same connection the same lock twice.
  const held = new Map<string, Promise<unknown>>()
  const lock = async (key: string) => {
    try {
      const { rows } = await pool.query<{ locked: boolean }>(statement('pg_try_advisory_lock', key))
      return rows[0]?.locked === true
    } catch (error) {
      if (isConnectionLost(error)) return false
      throw error
    }
  }
  const unlock = (key: string) => pool.query(statement('pg_advisory_unlock', key)).catch(() => {})

  async function acrossReplicas<Result>(key: string, signal: AbortSignal, work: () => Promise<Result>) {
    while (!(await lock(key))) await sleep(pause, undefined, { signal })
    try {
      return await work()
    } finally {
      await unlock(key)
    }
  }
  return {
    async hold(key, signal, work) {
      while (held.has(key)) await held.get(key)
      signal.throwIfAborted()
      const working = acrossReplicas(key, signal, work)
      held.set(key, working.catch(() => {})) // prettier-ignore
      return working.finally(() => held.delete(key))
    },
    close: () => pool.end(),
  }
}

function statement(operation: string, key: string): pg.QueryConfig {
  return { name: operation, text: `select ${operation}(hashtextextended($1, 0)) as locked`, values: [key] }
}

function lockPool(service: string, settings: DatabaseSettings, log: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(settings),
    max: 1,
    application_name: `${service}-locks`,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 0,
    keepAlive: true,
    statement_timeout: 5_000,
    query_timeout: 6_000,
  })
  pool.on('error', error => log.warn({ err: error }, 'the connection of the message locks was lost'))
  pool.on('connect', client => void client.on('error', () => {}))
  return pool
}
