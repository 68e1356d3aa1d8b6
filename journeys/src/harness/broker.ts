import { connect, type Channel, type ChannelModel, type Options } from 'amqplib'

/** A message as it passed over the exchange. */
export interface Seen {
  /** Its message id; whoever publishes from outside may forget it. */
  readonly id: string | undefined
  readonly type: string
  readonly correlationId: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** The broker as a plain AMQP client sees it, below one namespace. */
export class BrokerView {
  readonly url: string
  readonly exchange: string
  /** Where every message of the exchange also arrives, once `tap` was called. */
  readonly #tapQueue: string
  readonly #namespace: string
  readonly #seen: Seen[] = []

  constructor(url: string, namespace: string) {
    this.url = url
    this.#namespace = namespace
    this.exchange = `${namespace}feira.events`
    this.#tapQueue = `${namespace}journeys.tap`
  }

  /** The full name of a service's queue. */
  queue(name: string): string {
    return `${this.#namespace}${name}`
  }

  /** Works on a channel of a connection of its own, which a failure of other work cannot have broken. */
  async withChannel<Result>(work: (channel: Channel) => Promise<Result>): Promise<Result> {
    const model = await this.#connect()
    try {
      const channel = await model.createChannel()
      channel.on('error', () => {})
      return await work(channel)
    } finally {
      await model.close().catch(() => {})
    }
  }

  /** Publishes with confirms: each has arrived when this returns. */
  async publish(
    messages: readonly { readonly body: string | Buffer; readonly options?: Options.Publish; readonly type?: string }[],
  ): Promise<void> {
    const model = await this.#connect()
    try {
      const channel = await model.createConfirmChannel()
      for (const { body, options = {}, type = 'order.created' } of messages) {
        channel.publish(this.exchange, type, Buffer.from(body), { persistent: true, mandatory: true, ...options })
      }
      await channel.waitForConfirms()
    } finally {
      await model.close()
    }
  }

  /** From now on every message is noted, so that `seen` can tell what was published, and how often. */
  async tap(): Promise<void> {
    await this.withChannel(async channel => {
      await channel.assertQueue(this.#tapQueue, { durable: true })
      await channel.bindQueue(this.#tapQueue, this.exchange, '#')
    })
  }

  /** Everything published since `tap`. */
  async seen(): Promise<readonly Seen[]> {
    await this.withChannel(async channel => {
      for (;;) {
        const raw = await channel.get(this.#tapQueue, { noAck: true })
        if (raw === false) return
        const { messageId, type, correlationId, headers } = raw.properties
        this.#seen.push({
          id: messageId,
          type: String(type ?? raw.fields.routingKey),
          correlationId,
          headers: headers ?? {},
          body: parse(raw.content.toString()),
        })
      }
    })
    return this.#seen
  }

  /** How many messages wait in each of these queues; one that does not exist throws. */
  async depths(queues: readonly string[]): Promise<Map<string, number>> {
    return this.withChannel(async channel => {
      const depths = new Map<string, number>()
      for (const queue of queues) depths.set(queue, (await channel.checkQueue(this.queue(queue))).messageCount)
      return depths
    })
  }

  async deleteAll(queues: readonly string[]): Promise<void> {
    await this.withChannel(async channel => {
      for (const queue of queues) await channel.deleteQueue(this.queue(queue))
      await channel.deleteQueue(this.#tapQueue)
      await channel.deleteExchange(this.exchange)
    })
  }

  async #connect(): Promise<ChannelModel> {
    const model = await connect(this.url, { timeout: 5_000, noDelay: true })
    model.on('error', () => {})
    return model
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
