import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../telemetry/log.ts'
import { connectionOptions, DatabaseClient, type DatabaseSettings } from './connection.ts'

export interface ListenOptions {
  readonly config: DatabaseSettings
  /** The channel of `NOTIFY`. */
  readonly channel: string
  readonly log: Logger
  /** Something was notified, or may have been while there was no connection. */
  readonly onNotice: () => void
}

/** Milliseconds between two attempts to connect. */
const pause = 1_000

/**
 * Hears what transactions of this database notify when they commit, on a connection of its own that comes back by itself.
 * Notices can be lost without a trace, to a connection that died silently or a pooler in between: whoever needs them all
 * also looks at intervals.
 * @returns a function that stops.
 */
export function listen(options: ListenOptions): () => Promise<void> {
  const stopping = new AbortController()
  const listening = keepListening(options, stopping.signal)
  return async () => {
    stopping.abort()
    await listening
  }
}

async function keepListening(options: ListenOptions, signal: AbortSignal): Promise<void> {
  const { channel, log } = options
  let heard = true
  while (!signal.aborted) {
    const error = await listenOnce(options, signal)
    if (signal.aborted) return
    // Once: the pool says the same, and each attempt would.
    if (heard || error === undefined) log.warn({ err: error, channel }, 'does not hear notifications of the database')
    heard = error === undefined
    await sleep(pause, undefined, { signal }).catch(() => {})
  }
}

/** @returns when the connection has ended; the reason, if it never heard anything. */
async function listenOnce({ config, channel, onNotice }: ListenOptions, signal: AbortSignal): Promise<unknown> {
  const client = new DatabaseClient({
    ...connectionOptions(config),
    application_name: `listens to ${channel}`,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
    keepAlive: true,
  })
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const end = () => resolve()
  client.on('error', end).on('end', end).on('notification', onNotice)
  signal.addEventListener('abort', end)
  try {
    await client.connect()
    await client.query(`listen ${client.escapeIdentifier(channel)}`)
    onNotice()
    await ended
    return undefined
  } catch (error) {
    return error
  } finally {
    signal.removeEventListener('abort', end)
    // Not waited for: a connection that died silently never answers.
    void client.end().catch(() => {})
  }
}
