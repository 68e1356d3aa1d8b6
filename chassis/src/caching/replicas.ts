import { randomUUID } from 'node:crypto'
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib'
import { connectBroker, destroySocket } from '../broker/broker.ts'
import type { Logger } from '../telemetry/log.ts'
import { Untold, type Invalidated } from './untold.ts'

/** The other processes of the same service. */
export interface Replicas {
  /** Whether everything that they tell arrives here. */
  readonly hearing: boolean
  /** Whether the broker has let this process join, or has refused to; before that it may still be about to. */
  readonly tried: boolean
  /** Tells them at once, or as soon as the broker is back. */
  tell(tags: readonly string[]): void
  close(): Promise<void>
}

export interface ReplicasOptions {
  readonly service: string
  readonly url: string
  readonly namespace: string
  readonly log: Logger
  readonly onTold: (invalidated: Invalidated) => void
  /** Just before {@link Replicas.hearing} becomes true: what was told before is not known. */
  readonly onHearing: () => void
}

/** Messages that a broker which has gone silent is given; what else there is waits and becomes one. */
const maxUnconfirmed = 100

/**
 * Tells and hears invalidations over the broker: a topic exchange for all services, and a queue that lives as long as this
 * connection. Messages are transient, because a process that was not there has nothing to forget.
 */
export async function joinReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { service, url, log } = options
  const line = new Line(options)
  const connection = await connectBroker({
    name: `${service} cache`,
    url,
    log,
    onDisconnect: () => line.close(),
    setup: model => line.open(model),
  })
  return {
    get hearing() {
      return line.isOpen
    },
    get tried() {
      return line.tried
    },
    tell: tags => line.tell(tags),
    async close() {
      line.flush()
      await connection.close()
    },
  }
}

/** What goes out and comes in, over one connection after the other. */
class Line {
  tried = false
  readonly #options: ReplicasOptions
  readonly #exchange: string
  readonly #self = randomUUID()
  readonly #untold = new Untold()
  #channel: ConfirmChannel | undefined
  #scheduled = false

  constructor(options: ReplicasOptions) {
    this.#options = options
    this.#exchange = `${options.namespace}feira.cache`
  }

  get isOpen(): boolean {
    return this.#channel !== undefined
  }

  async open(model: ChannelModel): Promise<void> {
    const channel = await model.createConfirmChannel()
    channel.on('error', error => this.#options.log.warn({ err: error }, 'cache channel failed'))
    channel.on('close', () => {
      this.close()
      this.tried = true
      destroySocket(model, 'the cache channel closed')
    })
    await this.#listen(channel, message => {
      if (message) this.#hear(message)
      else destroySocket(model, 'the cache queue was deleted')
    })
    this.#options.onHearing()
    this.#channel = channel
    this.tried = true
    this.#untold.failedAll()
    this.flush()
  }

  close(): void {
    this.#channel = undefined
  }

  tell(tags: readonly string[]): void {
    this.#untold.add(tags)
    // What is committed in one turn of the event loop is told in one message.
    if (!this.#scheduled) setImmediate(() => this.flush())
    this.#scheduled = true
  }

  /** Tells at once what waits to be told. */
  flush(): void {
    this.#scheduled = false
    if (!this.#channel || this.#untold.unconfirmed >= maxUnconfirmed) return
    const batch = this.#untold.take()
    if (!batch) return
    const content = Buffer.from(JSON.stringify({ from: this.#self, tags: batch }))
    this.#channel.publish(this.#exchange, this.#options.service, content, { persistent: false }, (error: unknown) => {
      if (error) return
      this.#untold.told(batch)
      this.flush()
    })
  }

  async #listen(channel: ConfirmChannel, onMessage: (message: ConsumeMessage | null) => void): Promise<void> {
    // It goes with its last queue, so a namespace leaves nothing behind.
    await channel.assertExchange(this.#exchange, 'topic', { durable: true, autoDelete: true })
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false })
    await channel.bindQueue(queue, this.#exchange, this.#options.service)
    await channel.consume(queue, onMessage, { noAck: true, exclusive: true })
  }

  #hear({ content }: ConsumeMessage): void {
    const { log, onTold } = this.#options
    try {
      const { from, tags } = JSON.parse(content.toString()) as { from?: unknown; tags?: unknown }
      if (from !== this.#self) onTold(Array.isArray(tags) ? tags.map(String) : 'all')
    } catch (error) {
      log.warn({ err: error }, 'a cache message is not readable, so everything is forgotten')
      onTold('all')
    }
  }
}
