import { randomUUID } from 'node:crypto'
import type { ConfirmChannel, ConsumeMessage } from 'amqplib'
import { connectBroker, destroySocket, type BrokerConnection } from '../broker/broker.ts'
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
  const { service, url, namespace, log, onHearing } = options
  const exchange = `${namespace}feira.cache`
  const self = randomUUID()
  const untold = new Untold()
  let open: ConfirmChannel | undefined
  let scheduled = false
  let tried = false
  const flush = () => {
    scheduled = false
    const batch = open && untold.unconfirmed < maxUnconfirmed ? untold.take() : undefined
    if (!batch) return
    const content = Buffer.from(JSON.stringify({ from: self, tags: batch }))
    open?.publish(exchange, service, content, { persistent: false }, (error: unknown) => {
      if (error) return
      untold.told(batch)
      flush()
    })
  }
  const connection: BrokerConnection = await connectBroker({
    name: `${service} cache`,
    url,
    log,
    onDisconnect: () => (open = undefined),
    setup: async model => {
      const channel = await model.createConfirmChannel()
      channel.on('error', error => log.warn({ err: error }, 'cache channel failed'))
      channel.on('close', () => {
        open = undefined
        tried = true
        destroySocket(model, 'the cache channel closed')
      })
      const onMessage = (message: ConsumeMessage | null) => {
        if (message) hear(message, self, options)
        else destroySocket(model, 'the cache queue was deleted')
      }
      // It goes with its last queue, so a namespace leaves nothing behind.
      await channel.assertExchange(exchange, 'topic', { durable: true, autoDelete: true })
      const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true, durable: false })
      await channel.bindQueue(queue, exchange, service)
      await channel.consume(queue, onMessage, { noAck: true, exclusive: true })
      onHearing()
      open = channel
      tried = true
      untold.failedAll()
      flush()
    },
  })
  return {
    get hearing() {
      return open !== undefined
    },
    get tried() {
      return tried
    },
    tell(tags) {
      untold.add(tags)
      // What is committed in one turn of the event loop is told in one message.
      if (!scheduled) setImmediate(flush)
      scheduled = true
    },
    async close() {
      flush()
      await connection.close()
    },
  }
}

function hear({ content }: ConsumeMessage, self: string, { log, onTold }: ReplicasOptions): void {
  try {
    const { from, tags } = JSON.parse(content.toString()) as { from?: unknown; tags?: unknown }
    if (from !== self) onTold(Array.isArray(tags) ? tags.map(String) : 'all')
  } catch (error) {
    log.warn({ err: error }, 'a cache message is not readable, so everything is forgotten')
    onTold('all')
  }
}
