import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { BaseConfig } from '../config.ts'
import { writeTogether } from '../database/write-together.ts'
import type { Logger } from '../telemetry/log.ts'
import { batchSize, claimPending, claimProbes, publishBatch, type BatchOptions } from './outbox-batch.ts'

/** Moves messages from the outbox to the broker. */
export interface Relay {
  /** There is something to publish: called after a commit by the process that made it. */
  wake(): void
  /** Finishes the batch at hand. */
  stop(): Promise<void>
}

export interface RelayOptions extends BatchOptions {
  readonly config: Pick<BaseConfig, 'DATABASE_URL' | 'OUTBOX_POLL_INTERVAL' | 'CRASH_AT' | 'BROKER_NAMESPACE'>
  readonly log: Logger
  /** Milliseconds after which a destination that no queue served is tried again; default 30 s. */
  readonly unroutedPause?: number
}

/** Milliseconds from one look at the outbox to the next, so that under load a look finds more than one message. */
const minPause = 5

/**
 * Starts a relay. Replicas share the work: each claims rows that no other holds. A message is marked only after the
 * broker confirmed it, so a crash in between publishes it again, and the inbox of each consumer drops the repetition.
 */
export function startRelay(options: RelayOptions): Relay {
  const { config, log } = options
  const pool = relayPool(options)
  const pass = createPass(pool, options)
  let awake = false
  let wakeUp: (() => void) | undefined
  let stopping = false

  const idle = async (milliseconds: number) => {
    if (awake || stopping) return
    const timer = new AbortController()
    wakeUp = () => timer.abort()
    await sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => {})
    wakeUp = undefined
  }
  const loop = async () => {
    let failures = 0
    let passAt = 0
    while (!stopping) {
      const early = passAt - performance.now()
      if (early > 0) await sleep(early)
      passAt = performance.now() + minPause
      awake = false
      try {
        const moreWaits = await pass()
        failures = 0
        if (!moreWaits) await idle(config.OUTBOX_POLL_INTERVAL)
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

/** One look at the outbox. It resolves to whether there is reason to look again at once. */
function createPass(pool: pg.Pool, options: RelayOptions): () => Promise<boolean> {
  const { publisher, unroutedPause = 30_000 } = options
  let probeAt = 0
  return async () => {
    if (publisher.trouble() !== undefined) return false
    if (performance.now() >= probeAt) {
      const probes = await publishBatch(pool, claimProbes, options)
      // What waits behind a probe that got through becomes due in portions, each with the next probe.
      if (probes.confirmed === 0) probeAt = performance.now() + unroutedPause
    }
    const { claimed, problem } = await publishBatch(pool, claimPending, options)
    if (problem) throw problem
    return claimed === batchSize
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
    keepAlive: true,
    pipeline: true,
    statement_timeout: 30_000,
    // For a server that says nothing at all any more; on its own side it has given up by then.
    query_timeout: 35_000,
  })
  pool.on('error', error => log.warn({ err: error }, 'relay lost its database connection'))
  pool.on('connect', client => {
    client.on('error', () => {})
    writeTogether(client)
  })
  return pool
}
