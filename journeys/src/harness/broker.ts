import { connect, type Channel, type ChannelModel, type ConsumeMessage, type Options } from 'amqplib'

/** A message as it passed over the exchange. */
export interface Seen {
  /** Its message id; whoever publishes from outside may forget it. */
  readonly id: string | undefined
  readonly type: string
  readonly correlationId: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** A message to be published by a plain AMQP client. */
export interface Outgoing {
  readonly body: string | Buffer
  readonly options?: Options.Publish
  /** The routing key; default `order.created`. */
  readonly type?: string
  /** A queue's name on the wire, for a message that does not go over the exchange. */
  readonly queue?: string
}

/** The broker as a plain AMQP client sees it, below one namespace. */
export class BrokerView {
  readonly url: string
  readonly exchange: string
  /** Where every message of the exchange also arrives, once `tap` was called. */
  readonly #tapQueue: string
  readonly #namespace: string
  readonly #seen: Seen[] = []
  #reading: Promise<unknown> = Promise.resolve()
  /** What this client has published itself. */
  readonly published: { readonly id: string | undefined; readonly type: string; readonly queue: string | undefined }[] =
    []

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
  async publish(messages: readonly Outgoing[]): Promise<void> {
    const model = await this.#connect()
    try {
      const channel = await model.createConfirmChannel()
      for (const { body, options = {}, type = 'order.created', queue } of messages) {
        const [exchange, key] = queue === undefined ? [this.exchange, type] : ['', this.queue(queue)]
        channel.publish(exchange, key, Buffer.from(body), { persistent: true, mandatory: true, ...options })
        this.published.push({ id: options.messageId, type, queue })
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
    // One reader at a time: two would wait for what the other one has taken.
    const reading = this.#reading.then(() => this.withChannel(channel => this.#readTap(channel)))
    this.#reading = reading.catch(() => {})
    await reading
    return [...this.#seen]
  }

  async #readTap(channel: Channel): Promise<void> {
    const { messageCount } = await channel.checkQueue(this.#tapQueue)
    if (messageCount === 0) return
    const enough = this.#seen.length + messageCount
    await new Promise<void>((resolve, reject) => {
      const note = (raw: ConsumeMessage | null) => {
        if (raw) this.#seen.push(seenIn(raw))
        if (this.#seen.length >= enough) resolve()
      }
      channel.consume(this.#tapQueue, note, { noAck: true, consumerTag: 'journeys' }).catch(reject)
    })
    // What arrived meanwhile was noted, too.
    await channel.cancel('journeys')
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

function seenIn({ properties, fields, content }: ConsumeMessage): Seen {
  const { messageId, type, correlationId, headers } = properties
  return {
    id: messageId,
    type: String(type ?? fields.routingKey),
    correlationId,
    headers: headers ?? {},
    body: parse(content.toString()),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
