import type { ConfirmChannel, Options } from 'amqplib'
import { connectBroker, destroySocket, type BrokerConnection } from '../broker/broker.ts'
import type { Logger } from '../telemetry/log.ts'

export interface Outgoing {
  /** Empty for the default exchange, whose routing key is a queue's name. */
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  readonly options: Options.Publish & { readonly messageId: string }
}

/** `confirmed`: the broker has it. `unroutable`: no queue takes it. An error: perhaps it has it, perhaps not. */
export type Outcome = 'confirmed' | 'unroutable' | Error

export interface Publisher {
  trouble(): string | undefined
  /** Publishes all at once and waits for their confirms, at most the confirm timeout. Never rejects. */
  publish(messages: readonly Outgoing[]): Promise<Outcome[]>
  close(): Promise<void>
}

export interface PublisherOptions {
  readonly name: string
  readonly url: string
  readonly exchange: string
  readonly log: Logger
  readonly onConnect: () => void
  /** Milliseconds after which an unconfirmed message counts as not published and the connection as broken; default 5 s. */
  readonly confirmTimeout?: number
}

interface OpenChannel {
  readonly channel: ConfirmChannel
  readonly returned: Returned
}

/** Opens the connection that a service publishes on: persistent, mandatory messages on a confirm channel. */
export async function openPublisher(options: PublisherOptions): Promise<Publisher> {
  const { name, url, exchange, log, onConnect, confirmTimeout = 5_000 } = options
  let open: OpenChannel | undefined
  const connection: BrokerConnection = await connectBroker({
    name,
    url,
    log,
    onDisconnect: () => (open = undefined),
    setup: async model => {
      const channel = await model.createConfirmChannel()
      const returned = new Returned()
      channel.on('error', error => log.warn({ err: error }, 'publishing channel failed'))
      channel.on('close', () => destroySocket(model, 'the publishing channel closed'))
      channel.on('return', ({ properties, fields }) => returned.add(keyOf(fields, properties.messageId)))
      await channel.assertExchange(exchange, 'topic', { durable: true })
      open = { channel, returned }
      setImmediate(onConnect)
    },
  })
  // A broker that is short of memory or disk reads nothing for a while; a new connection would not be read either.
  const onTimeout = () => {
    if (connection.trouble() === undefined) connection.reset('the broker did not confirm in time')
  }
  const patience = { milliseconds: confirmTimeout, onTimeout }
  return {
    trouble: () => connection.trouble(),
    publish(messages) {
      const trouble = connection.trouble()
      if (open && trouble === undefined) return publishAll(open, messages, patience)
      return Promise.resolve(messages.map(() => new Error(`broker: ${trouble ?? 'not connected'}`)))
    },
    close: () => connection.close(),
  }
}

interface Patience {
  readonly milliseconds: number
  readonly onTimeout: () => void
}

function publishAll(open: OpenChannel, messages: readonly Outgoing[], patience: Patience): Promise<Outcome[]> {
  if (messages.length === 0) return Promise.resolve([])
  return new Promise(resolve => {
    const outcomes: (Outcome | undefined)[] = messages.map(() => undefined)
    let unsettled = messages.length
    const settle = (index: number, outcome: Outcome) => {
      if (outcomes[index] !== undefined) return
      outcomes[index] = outcome
      if (--unsettled > 0) return
      clearTimeout(timer)
      resolve(outcomes as Outcome[])
    }
    const timer = setTimeout(() => {
      patience.onTimeout()
      messages.forEach((_, index) => settle(index, new Error('not confirmed in time')))
    }, patience.milliseconds)
    messages.forEach((message, index) => publishOne(open, message, outcome => settle(index, outcome)))
  })
}

function publishOne({ channel, returned }: OpenChannel, message: Outgoing, settle: (outcome: Outcome) => void): void {
  const { exchange, routingKey, content, options } = message
  // AMQP 0-9-1 §4.2.5.3: no queue has a longer name. A request that named one must not hold up what comes after it.
  if (Buffer.byteLength(routingKey) > 255) return settle('unroutable')
  const key = keyOf({ exchange, routingKey }, options.messageId)
  const settings = { persistent: true, mandatory: true, ...options }
  try {
    channel.publish(exchange, routingKey, content, settings, (error: unknown) => {
      const wasReturned = returned.take(key)
      settle(error ? toError(error) : wasReturned ? 'unroutable' : 'confirmed')
    })
  } catch (error) {
    settle(toError(error))
  }
}

/**
 * What the broker returned and has not confirmed yet: it returns an unroutable message just before it confirms it. Counted,
 * because the same message may be on its way twice.
 */
class Returned {
  readonly #counts = new Map<string, number>()

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  take(key: string): boolean {
    const count = this.#counts.get(key)
    if (count === undefined) return false
    if (count === 1) this.#counts.delete(key)
    else this.#counts.set(key, count - 1)
    return true
  }
}

function keyOf({ exchange, routingKey }: { exchange: string; routingKey: string }, messageId: unknown): string {
  return `${exchange} ${routingKey} ${String(messageId)}`
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the broker refused the message')
}
