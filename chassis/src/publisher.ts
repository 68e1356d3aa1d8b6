import type { ConfirmChannel, Options } from 'amqplib'
import { connectBroker, destroySocket, type BrokerConnection } from './broker.ts'
import type { Logger } from './log.ts'

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
  /** Publishes all at once and waits for their confirms, at most {@link confirmTimeout}. Never rejects. */
  publish(messages: readonly Outgoing[]): Promise<Outcome[]>
  close(): Promise<void>
}

/** Milliseconds after which an unconfirmed message counts as not published and the connection as broken. */
export const confirmTimeout = 5_000

export interface PublisherOptions {
  readonly name: string
  readonly url: string
  readonly exchange: string
  readonly log: Logger
  readonly onConnect: () => void
}

/** Opens the connection that a service publishes on: persistent, mandatory messages on a confirm channel. */
export async function openPublisher({ name, url, exchange, log, onConnect }: PublisherOptions): Promise<Publisher> {
  let channel: ConfirmChannel | undefined
  // The broker returns an unroutable message just before it confirms it.
  const returned = new Set<string>()
  const connection: BrokerConnection = await connectBroker({
    name,
    url,
    log,
    onDisconnect: () => (channel = undefined),
    setup: async model => {
      const opened = await model.createConfirmChannel()
      opened.on('error', error => log.warn({ err: error }, 'publishing channel failed'))
      opened.on('close', () => {
        if (channel === opened) destroySocket(model, 'the publishing channel closed')
      })
      opened.on('return', ({ properties, fields }) => returned.add(keyOf(properties.messageId, fields.routingKey)))
      await opened.assertExchange(exchange, 'topic', { durable: true })
      returned.clear()
      channel = opened
      setImmediate(onConnect)
    },
  })
  return {
    trouble: () => connection.trouble(),
    publish: messages =>
      channel
        ? publishAll(channel, messages, returned, () => connection.reset('the broker did not confirm in time'))
        : Promise.resolve(messages.map(() => new Error(`broker: ${connection.trouble() ?? 'not connected'}`))),
    close: () => connection.close(),
  }
}

function publishAll(
  channel: ConfirmChannel,
  messages: readonly Outgoing[],
  returned: Set<string>,
  onTimeout: () => void,
): Promise<Outcome[]> {
  if (messages.length === 0) return Promise.resolve([])
  return new Promise(resolve => {
    const outcomes: (Outcome | undefined)[] = messages.map(() => undefined)
    let open = messages.length
    const settle = (index: number, outcome: Outcome) => {
      if (outcomes[index] !== undefined) return
      outcomes[index] = outcome
      if (--open > 0) return
      clearTimeout(timer)
      resolve(outcomes as Outcome[])
    }
    const timer = setTimeout(() => {
      onTimeout()
      messages.forEach((_, index) => settle(index, new Error('not confirmed in time')))
    }, confirmTimeout)
    messages.forEach(({ exchange, routingKey, content, options }, index) => {
      try {
        channel.publish(
          exchange,
          routingKey,
          content,
          { persistent: true, mandatory: true, ...options },
          (error: unknown) => {
            const wasReturned = returned.delete(keyOf(options.messageId, routingKey))
            settle(index, error ? toError(error) : wasReturned ? 'unroutable' : 'confirmed')
          },
        )
      } catch (error) {
        settle(index, toError(error))
      }
    })
  })
}

function keyOf(messageId: unknown, routingKey: string): string {
  return `${String(messageId)} ${routingKey}`
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('the broker refused the message')
}
