import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { BaseConfig } from '../config.ts'
import { connectionOptions, type DatabaseSettings } from '../database/connection.ts'
import { prepareConnection } from '../database/prepare-connection.ts'
import type { Logger } from '../telemetry/log.ts'
import { Departures } from './departures.ts'
import { FreshRows } from './fresh-rows.ts'
import {
  batchSize,
  claimLeftBehind,
  claimPending,
  claimProbes,
  publishClaimed,
  type BatchOptions,
} from './outbox-batch.ts'
import type { OutboxRow } from './outbox.ts'

/** Moves messages from the outbox to the broker. */
export interface Relay {
  /**
   * There is something to publish: called after a commit by the process that made it.
   * @param rows what it wrote; without them the relay looks for itself, and at everything.
   */
  wake(rows?: readonly OutboxRow[]): void
  /** Finishes the batch at hand. */
  stop(): Promise<void>
}

export interface RelayOptions extends BatchOptions {
  readonly config: DatabaseSettings &
    Pick<BaseConfig, 'OUTBOX_POLL_INTERVAL' | 'CRASH_AT' | 'BROKER_NAMESPACE' | 'BROKER_URL'>
  readonly log: Logger
  /** Milliseconds after which a destination that no queue served is tried again; default 30 s. */
  readonly unroutedPause?: number
}

/** Milliseconds from the beginning of one batch to that of the next, so that under load a batch holds more than one message. */
const minPause = 5

/**
 * Starts a relay. It publishes what its own process has just written straight from memory, and looks now and then for what
 * was left behind, by a crash or while the broker was away. Replicas share that: each claims rows that no other holds. A
 * message is marked only after the broker confirmed it, so a crash in between publishes it again, and the inbox of each
 * consumer drops the repetition.
 */
export function startRelay(options: RelayOptions): Relay {
  const { config, log } = options
  const pool = relayPool(options)
  const fresh = new FreshRows()
  const departures = new Departures(pool, options)
  const agenda: Agenda = { all: false, lookAt: 0, probeAt: 0 }
  const pass = createPass({ pool, fresh, departures, agenda }, options)
  let awake = false
  let wakeUp: (() => void) | undefined
  let stopping = false

  const idle = async (milliseconds: number) => {
    if (awake || stopping) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, milliseconds)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
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
    await departures.arrived()
  }
  const running = loop()
  const wake = (rows?: readonly OutboxRow[]) => {
    if (rows) fresh.add(rows)
    else agenda.all = true
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

interface Agenda {
  /** Look at all rows of the outbox next, not only at those left behind. */
  all: boolean
  /** When to look at the outbox again, and when to try what no queue took, by `performance.now()`. */
  lookAt: number
  probeAt: number
}

interface Work {
  readonly pool: pg.Pool
  readonly fresh: FreshRows
  readonly departures: Departures
  readonly agenda: Agenda
}

/** Publishes what there is, of each kind one batch at most. It resolves to whether there is reason to go on at once. */
function createPass({ pool, fresh, departures, agenda }: Work, options: RelayOptions): () => Promise<boolean> {
  const { publisher, config, unroutedPause = 30_000 } = options

  const probe = async () => {
    const { confirmed } = await publishClaimed(pool, claimProbes, options)
    // What waits behind a probe that got through becomes due in portions, each with the next probe.
    if (confirmed === 0) agenda.probeAt = performance.now() + unroutedPause
  }
  const publishOwn = async () => {
    await departures.room()
    const rows = fresh.take(batchSize)
    if (rows.length > 0) departures.leave(rows)
  }
  const look = async () => {
    // What is under way must not be claimed and published again.
    await departures.arrived()
    const { all } = agenda
    Object.assign(agenda, { all: false, lookAt: performance.now() + config.OUTBOX_POLL_INTERVAL })
    try {
      const { ids, problem } = await publishClaimed(pool, all ? claimPending : claimLeftBehind, options)
      fresh.leaveOut(ids)
      throwIf(problem)
      if (ids.length === batchSize) Object.assign(agenda, { all: agenda.all || all, lookAt: 0 })
    } catch (error) {
      agenda.all ||= all
      throw error
    }
  }
  return async () => {
    if (publisher.trouble() !== undefined) {
      fresh.clear()
      throwIf(departures.takeProblem())
      return false
    }
    if (performance.now() >= agenda.probeAt) await probe()
    await publishOwn()
    const problem = departures.takeProblem()
    // Also when something of its own did not leave: what it left behind before must not wait until all of that does.
    if (agenda.all || performance.now() >= agenda.lookAt) await look()
    throwIf(problem)
    return agenda.all || agenda.lookAt === 0 || fresh.size > 0
  }
}

function throwIf(problem: Error | undefined): void {
  if (problem) throw problem
}

// A connection of its own, so that busy requests cannot starve it.
function relayPool({ service, config, log }: RelayOptions): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(config),
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
  // Its commits need not wait for the disk: a mark that a crash of the server loses only means another publication.
  pool.on('connect', client => prepareConnection(client, 'synchronous_commit to off'))
  return pool
}
