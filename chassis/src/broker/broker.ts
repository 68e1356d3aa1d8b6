import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, credentials, type ChannelModel, type RecoveringChannelModel } from 'amqplib'
import { explainRefusal } from '../certificates.ts'
import { isConnectionLost } from '../database/database-errors.ts'
import type { Logger } from '../telemetry/log.ts'

export interface BrokerConnectionOptions {
  /** Shown in RabbitMQ's list of connections. */
  readonly name: string
  readonly url: string
  readonly log: Logger
  /** Opens channels and consumers; runs after every connect, and its failure means another attempt. */
  readonly setup: (model: ChannelModel) => Promise<void>
  /** Whatever `setup` opened is gone. */
  readonly onDisconnect: () => void
}

export interface BrokerConnection {
  /** Why the connection cannot be used now; `undefined` when it can. */
  trouble(): string | undefined
  /** What channels are opened on; `undefined` while there is no connection. */
  model(): ChannelModel | undefined
  /** Drops the connection, so that recovery builds a new one: for a channel that broke or a broker that went silent. */
  reset(reason: string): void
  /** Says goodbye, and waits at most {@link closeTimeout} for the broker to answer it. */
  close(): Promise<void>
}

/** Milliseconds that a broker has for answering a goodbye. */
const closeTimeout = 1_000

/**
 * A connection that comes back by itself with exponential backoff (100 ms to 5 s). It never rejects: a service starts,
 * and accepts requests, while its broker is away.
 */
export async function connectBroker(options: BrokerConnectionOptions): Promise<BrokerConnection> {
  const { name, log, onDisconnect } = options
  let model: ChannelModel | undefined
  let newest: ChannelModel | undefined
  let trouble: string | undefined = 'not connected yet'
  // From when on a connection is being opened, as `performance.now()`; infinite while none is.
  let opensAt = 0
  let closing = false
  const recovering: RecoveringChannelModel = await connect(withHeartbeat(options.url), {
    // Nagle's algorithm would hold small frames back for up to 40 ms.
    noDelay: true,
    keepAlive: true,
    timeout: 5_000,
    clientProperties: { connection_name: name },
    ...login(options.url),
    recovery: {
      initialDelay: 100,
      maxDelay: 5_000,
      waitForConnect: false,
      setup: async (opened: ChannelModel) => {
        newest = opened
        opensAt = Infinity
        await setUpOrDestroy(opened, closing ? { ...options, setup: refuse } : options)
      },
    },
  })
  const fail = (reason: string) => {
    model = undefined
    trouble = reason
  }
  recovering.on('connect', (opened: ChannelModel) => {
    model = opened
    trouble = undefined
    log.info({ connection: name }, 'connected to the broker')
  })
  recovering.on('disconnect', (error: Error) => {
    fail(error.message)
    log.warn({ connection: name, err: error }, 'lost the broker')
    onDisconnect()
  })
  recovering.on('reconnect-scheduled', ({ attempt, delay, error }) => {
    opensAt = performance.now() + delay
    fail(explainRefusal(error, serverOf(options.url)).message || 'connection refused')
    if (attempt === 1 || attempt % 10 === 0) log.warn({ connection: name, attempt, reason: trouble }, 'broker is away')
  })
  // RabbitMQ stops reading from publishers while it is short of memory or disk.
  recovering.on('blocked', (reason: string) => (trouble = `blocked by the broker: ${reason}`))
  recovering.on('unblocked', () => (trouble = undefined))
  recovering.on('error', (error: Error) => log.warn({ connection: name, err: error }, 'broker connection error'))
  return {
    trouble: () => trouble,
    model: () => model,
    reset: reason => model && destroySocket(model, reason),
    async close() {
      closing = true
      // To a connection that opens after this nobody would listen: the first error of its socket would end the process.
      // So it is let in, and refused then.
      if (performance.now() >= opensAt) recovering.once('connect-failed', () => void recovering.close())
      else await closeWithin(closeTimeout, recovering)
      if (newest) destroySocket(newest, 'closed')
    },
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('closed meanwhile'))
}

async function closeWithin(milliseconds: number, connection: { close(): Promise<void> }): Promise<void> {
  await Promise.race([connection.close().catch(() => {}), sleep(milliseconds, undefined, { ref: false })])
}

/** Does `work` on a connection of its own, which is closed whatever becomes of it. */
export async function onConnection<Result>(
  url: string,
  work: (model: ChannelModel) => Promise<Result>,
): Promise<Result> {
  const model = await connect(withHeartbeat(url), { timeout: 5_000, ...login(url) }).catch((error: Error) => {
    throw explainRefusal(error, serverOf(url))
  })
  model.on('error', () => {})
  try {
    return await work(model)
  } finally {
    await closeWithin(closeTimeout, model)
    destroySocket(model, 'closed')
  }
}

// amqplib gives these no code.
const goneMessages =
  /^(connect ETIMEDOUT|Socket closed abruptly|Unexpected close|Heartbeat timeout|Channel ended|Connection clos)/

/** The broker did not answer, or stopped to; it did not refuse anything. */
export function isBrokerAway(error: unknown): boolean {
  return isConnectionLost(error) || (error instanceof Error && goneMessages.test(error.message))
}

// amqplib takes a failed setup for a reason to close the connection politely: an answer that never comes would end its
// recovery for good. It also takes a finished setup for an open connection, though the two may have crossed.
async function setUpOrDestroy(model: ChannelModel, { setup, onDisconnect }: BrokerConnectionOptions): Promise<void> {
  let closed = false
  model.on('error', () => {})
  const closing = new Promise<void>(resolve => {
    model.once('close', () => {
      closed = true
      resolve()
    })
  })
  try {
    // A call that is under way when the connection dies may never be answered.
    await Promise.race([setup(model), closing])
    if (closed) throw new Error('the connection closed while it was set up')
  } catch (error) {
    onDisconnect()
    destroySocket(model, 'setup failed')
    await closing
    throw error
  }
}

/** A silent broker is noticed after two missed heartbeats, unless the URL says otherwise. */
function withHeartbeat(url: string): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', '5')
  return parsed.href
}

/** User and password of a URL, of which amqplib would take each escaped byte for a character. */
function login(url: string) {
  const { username, password } = new URL(url)
  if (username === '' && password === '') return {}
  return { credentials: credentials.plain(decodeURIComponent(username), decodeURIComponent(password)) }
}

function serverOf(url: string): string {
  return `the broker at ${new URL(url).host}`
}

// `model.close()` waits for the broker's answer, which a broken connection never gives.
export function destroySocket(model: ChannelModel, reason: string): void {
  const { stream } = model.connection as unknown as { stream: Socket }
  stream.destroy(new Error(reason))
}
