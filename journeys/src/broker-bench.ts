import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import {
  connect,
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  type Options,
} from 'amqplib'

const patience = 10_000

/** Connections to one broker, and names that nobody else has; closing it deletes what was declared under them. */
export class Bench {
  readonly url: string
  readonly connection: ChannelModel
  /** For publishing; its confirms are `publisher.waitForConfirms()`. */
  readonly publisher: ConfirmChannel
  /** For everything else. */
  readonly channel: Channel
  readonly #connections: ChannelModel[] = []
  readonly #queues: string[] = []
  readonly #exchanges: string[] = []

  private constructor(url: string, connection: ChannelModel, publisher: ConfirmChannel, channel: Channel) {
    this.url = url
    this.connection = connection
    this.publisher = publisher
    this.channel = channel
    this.#connections.push(connection)
  }

  static async open(url: string): Promise<Bench> {
    const connection = await connectTo(url)
    const [publisher, channel] = await Promise.all([connection.createConfirmChannel(), connection.createChannel()])
    return new Bench(url, connection, silenced(publisher), silenced(channel))
  }

  async close(): Promise<void> {
    const cleaning = await connectTo(this.url)
    const channel = await cleaning.createChannel()
    for (const connection of this.#connections) await connection.close().catch(() => {})
    for (const queue of this.#queues) await channel.deleteQueue(queue)
    for (const exchange of this.#exchanges) await channel.deleteExchange(exchange)
    await cleaning.close()
  }

  async connect(): Promise<ChannelModel> {
    const connection = await connectTo(this.url)
    this.#connections.push(connection)
    return connection
  }

  /** Another channel of the first connection, or of `connection`. */
  async open(connection = this.connection): Promise<Channel> {
    return silenced(await connection.createChannel())
  }

  /** A name that will be deleted as a queue, if it becomes one. */
  queueName(): string {
    const name = `conformance.${randomUUID()}`
    this.#queues.push(name)
    return name
  }

  exchangeName(): string {
    const name = `conformance.${randomUUID()}`
    this.#exchanges.push(name)
    return name
  }

  async queue(args: Record<string, unknown> = {}, options: Options.AssertQueue = {}): Promise<string> {
    const { queue } = await this.channel.assertQueue(this.queueName(), { durable: true, ...options, arguments: args })
    return queue
  }

  async exchange(type: string): Promise<string> {
    const { exchange } = await this.channel.assertExchange(this.exchangeName(), type)
    return exchange
  }

  /** Sends texts straight to a queue and waits until the broker has them. */
  async send(queue: string, texts: readonly string[], options: Options.Publish = {}): Promise<void> {
    for (const text of texts) this.publisher.sendToQueue(queue, Buffer.from(text), { persistent: true, ...options })
    await this.publisher.waitForConfirms()
  }

  /** Waits until `queue` has `count` messages that no consumer holds. */
  async untilReady(queue: string, count: number): Promise<void> {
    await until(`${count} ready messages`, async () => (await this.channel.checkQueue(queue)).messageCount === count)
  }

  /** Fetches one message without acknowledgement, waiting for it. */
  async fetch(queue: string): Promise<ConsumeMessage> {
    let message: ConsumeMessage | undefined
    await until('a message', async () => {
      const fetched = await this.channel.get(queue, { noAck: true })
      if (fetched) message = fetched as unknown as ConsumeMessage
      return fetched !== false
    })
    return message as ConsumeMessage
  }
}

/** A consumer and what it got. */
export class Inbox {
  readonly messages: ConsumeMessage[] = []
  readonly channel: Channel
  /** Whether the broker ended the consumer. */
  cancelled = false
  consumerTag = ''

  private constructor(channel: Channel) {
    this.channel = channel
  }

  static async open(
    channel: Channel,
    queue: string,
    react: (message: ConsumeMessage, index: number) => void = () => {},
    options: Options.Consume = {},
  ): Promise<Inbox> {
    const inbox = new Inbox(channel)
    const onMessage = (message: ConsumeMessage | null) => {
      if (!message) inbox.cancelled = true
      else react(message, inbox.messages.push(message) - 1)
    }
    inbox.consumerTag = (await channel.consume(queue, onMessage, options)).consumerTag
    return inbox
  }

  /** Waits for `count` messages in all. */
  async until(count: number): Promise<ConsumeMessage[]> {
    await until(`${count} deliveries`, () => this.messages.length >= count)
    return this.messages
  }

  get texts(): string[] {
    return this.messages.map(text)
  }

  async cancel(): Promise<void> {
    await this.channel.cancel(this.consumerTag)
  }
}

export function text(message: ConsumeMessage): string {
  return message.content.toString()
}

/** @throws when `condition` does not come true within 10 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patience
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${patience} ms in vain for ${what}.`)
    await setTimeout(5)
  }
}

/** The reply code with which the broker closes `channel`, or its connection. */
export function closeCode(channel: Channel | ChannelModel): Promise<number | undefined> {
  return new Promise(resolve => {
    channel.once('error', (error: { code?: number }) => resolve(error.code))
  })
}

/** The reply code with which the broker refuses `operation`. */
export async function refusal(operation: Promise<unknown>): Promise<number | undefined> {
  try {
    await operation
  } catch (error) {
    return (error as { code?: number }).code
  }
  throw new Error('The broker did not refuse.')
}

/** Whether a broker answers at `url`. */
export async function answers(url: string): Promise<boolean> {
  try {
    await (await connect(url, { timeout: 2_000 })).close()
    return true
  } catch {
    return false
  }
}

async function connectTo(url: string): Promise<ChannelModel> {
  return silenced(await connect(url, { noDelay: true }))
}

// Without a listener an expected refusal would end the test process; what matters is asserted where it happens.
function silenced<Emitter extends Channel | ChannelModel>(emitter: Emitter): Emitter {
  emitter.on('error', () => {})
  return emitter
}
