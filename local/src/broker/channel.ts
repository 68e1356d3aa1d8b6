import { bodySize, decodeMethod, type ClientMethods, type ServerMethods } from './amqp-codec.ts'
import { AmqpError, closeFields } from './amqp-error.ts'
import type { Connection } from './connection.ts'
import type { Consumer, Recipient } from './consumer.ts'
import { BODY, contentFrames, HEADER, METHOD, type Frame } from './frames.ts'
import { createMessage, type Entry, type Message } from './message.ts'
import { messageMethods } from './message-methods.ts'
import type { Queue } from './queue.ts'
import { topologyMethods } from './topology-methods.ts'
import type { VirtualHost } from './virtual-host.ts'

const handlers = { ...topologyMethods, ...messageMethods }
/** RabbitMQ's default, in bytes. */
const largestBody = 134_217_728

interface Delivery {
  readonly entry: Entry
  readonly queue: Queue
  /** Absent for what `basic.get` fetched. */
  readonly consumer: Consumer | undefined
}

/** A publication whose content is still coming. */
interface Incoming {
  readonly publish: ClientMethods['BasicPublish']
  header: Buffer | undefined
  missing: number
  readonly parts: Buffer[]
}

export class Channel implements Recipient {
  readonly connection: Connection
  readonly number: number
  readonly consumers = new Map<string, Consumer>()
  /** For consumers yet to come; `Infinity` without a limit. */
  prefetch = Number.POSITIVE_INFINITY
  /** For all consumers of the channel together. */
  totalPrefetch = Number.POSITIVE_INFINITY
  /** What an empty queue name stands for: the queue declared last. */
  lastQueue = ''
  #confirms = false
  #published = 0
  #confirmed = 0
  #lastTag = 0
  /** By delivery tag, in its order. */
  readonly #unsettled = new Map<number, Delivery>()
  #incoming: Incoming | undefined
  #closing = false
  #methodId = 0

  constructor(connection: Connection, number: number) {
    this.connection = connection
    this.number = number
  }

  get host(): VirtualHost {
    return this.connection.host
  }

  get receptive(): boolean {
    return !this.#closing && this.connection.receptive && this.#unsettled.size < this.totalPrefetch
  }

  /** @throws AmqpError when the whole connection is in question; what concerns this channel alone closes it. */
  receive(frame: Frame): void {
    try {
      if (frame.type === METHOD) this.#onMethod(frame.payload)
      else if (!this.#closing) this.#onContent(frame)
    } catch (error) {
      if (!(error instanceof AmqpError) || error.scope === 'connection') throw error
      this.#fail(error)
    }
  }

  send<Name extends keyof ServerMethods>(name: Name, fields: ServerMethods[Name]): void {
    this.connection.send(name, this.number, fields)
  }

  enableConfirms(): void {
    this.#confirms = true
  }

  startPublish(publish: ClientMethods['BasicPublish']): void {
    this.#incoming = { publish, header: undefined, missing: 0, parts: [] }
  }

  deliver(consumer: Consumer, entry: Entry): void {
    const deliveryTag = this.track(entry, consumer.queue, consumer)
    const { exchange, routingKey } = entry.message
    const fields = { deliveryTag, redelivered: entry.deliveries > 1, exchange, routingKey }
    this.send('BasicDeliver', { ...fields, consumerTag: consumer.options.tag })
    this.sendContent(entry.message, consumer.queue.headerOf(entry))
  }

  sendContent({ header, body }: Message, sentHeader = header): void {
    this.connection.write(contentFrames(this.number, sentHeader, body, this.connection.frameMax))
  }

  /** @returns the delivery tag. What needs no acknowledgement is settled by being sent. */
  track(entry: Entry, queue: Queue, consumer: Consumer | undefined, noAck = consumer?.options.noAck === true): number {
    const tag = ++this.#lastTag
    if (noAck) {
      queue.settle(entry)
      return tag
    }
    this.#unsettled.set(tag, { entry, queue, consumer })
    if (consumer) consumer.unsettled += 1
    return tag
  }

  /** Takes one outstanding delivery, or all up to it, off the channel and gives each to `settle`. */
  settle(tag: number, multiple: boolean, settle: (delivery: Delivery) => void): void {
    const deliveries = multiple ? this.#takeUpTo(tag) : [this.#takeOne(tag)]
    for (const delivery of deliveries) settle(delivery)
    for (const queue of new Set(deliveries.map(delivery => delivery.queue))) queue.pump()
    if (this.totalPrefetch !== Number.POSITIVE_INFINITY) this.pump()
  }

  consumerCancelled(consumer: Consumer): void {
    this.consumers.delete(consumer.options.tag)
    this.send('BasicCancel', { consumerTag: consumer.options.tag, nowait: true })
  }

  /** Looks for work after this channel's consumers were held up. */
  pump(): void {
    for (const consumer of this.consumers.values()) consumer.queue.pump()
  }

  /** Confirms everything published since the last time, as one. */
  confirm(): void {
    if (this.#confirmed === this.#published || this.#closing) return
    const multiple = this.#published - this.#confirmed > 1
    this.#confirmed = this.#published
    this.send('BasicAck', { deliveryTag: this.#published, multiple })
  }

  /** Ends the channel's consumers and returns what they had. */
  release(): void {
    this.#closing = true
    this.#incoming = undefined
    for (const consumer of this.consumers.values()) consumer.queue.removeConsumer(consumer)
    this.consumers.clear()
    const deliveries = this.#takeUpTo(0)
    for (const { entry, queue } of deliveries) queue.requeue(entry)
    for (const queue of new Set(deliveries.map(delivery => delivery.queue))) queue.pump()
  }

  #onMethod(payload: Buffer): void {
    const method = decodeMethod(payload)
    if (method.name === 'ChannelClose') return this.#closeAsAsked()
    if (this.#closing) return method.name === 'ChannelCloseOk' ? this.connection.removeChannel(this.number) : undefined
    if (this.#incoming) throw AmqpError.unexpectedFrame(`expected content, got ${method.name}`)
    this.#methodId = method.id
    const handle = handlers[method.name as keyof typeof handlers] as ((...args: unknown[]) => void) | undefined
    if (!handle) throw AmqpError.notImplemented(method.name)
    handle(this, method.fields)
  }

  #onContent({ type, payload }: Frame): void {
    const incoming = this.#incoming
    if (type === HEADER && incoming && !incoming.header) this.#onHeader(incoming, payload)
    else if (type === BODY && incoming?.header) this.#onBody(incoming, payload)
    else throw AmqpError.unexpectedFrame(`a frame of type ${type} out of place`)
    if (incoming.header && incoming.missing === 0) this.#publish(incoming, incoming.header)
  }

  #onHeader(incoming: Incoming, payload: Buffer): void {
    const size = bodySize(payload)
    if (size > largestBody) {
      throw AmqpError.preconditionFailed(`message size ${size} is larger than configured max size ${largestBody}`)
    }
    incoming.header = Buffer.from(payload)
    incoming.missing = size
  }

  #onBody(incoming: Incoming, payload: Buffer): void {
    if (payload.length > incoming.missing) throw AmqpError.unexpectedFrame('a body longer than its header announced')
    incoming.parts.push(payload)
    incoming.missing -= payload.length
  }

  #publish({ publish, parts }: Incoming, header: Buffer): void {
    this.#incoming = undefined
    const { exchange, routingKey, mandatory } = publish
    if (this.host.exchange(exchange).definition.internal) {
      throw AmqpError.accessRefused(`cannot publish to internal exchange '${exchange}' in vhost '/'`)
    }
    const sequence = this.host.nextSequence()
    const message = createMessage({ sequence, exchange, routingKey, header, body: Buffer.concat(parts) })
    const outcome = this.host.publish(message)
    if (outcome === 'unroutable' && mandatory) this.#return(message)
    if (this.#confirms) this.#confirmPublished(outcome === 'refused')
  }

  #return(message: Message): void {
    const { exchange, routingKey } = message
    this.send('BasicReturn', { replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey })
    this.sendContent(message)
  }

  #confirmPublished(refused: boolean): void {
    if (refused) {
      this.confirm()
      this.#confirmed = ++this.#published
      return this.send('BasicNack', { deliveryTag: this.#published, multiple: false, requeue: false })
    }
    this.#published += 1
    this.connection.confirmLater(this)
  }

  #takeOne(tag: number): Delivery {
    const delivery = this.#unsettled.get(tag)
    if (!delivery) throw AmqpError.preconditionFailed(`unknown delivery tag ${tag}`)
    this.#unsettled.delete(tag)
    if (delivery.consumer) delivery.consumer.unsettled -= 1
    return delivery
  }

  // 0 stands for all; the map gives tags in their order, so this costs only what it takes.
  #takeUpTo(tag: number): Delivery[] {
    if (tag !== 0 && !this.#unsettled.has(tag)) throw AmqpError.preconditionFailed(`unknown delivery tag ${tag}`)
    const taken: Delivery[] = []
    for (const next of this.#unsettled.keys()) {
      if (tag !== 0 && next > tag) break
      taken.push(this.#takeOne(next))
    }
    return taken
  }

  #closeAsAsked(): void {
    this.confirm()
    this.release()
    this.connection.removeChannel(this.number)
    this.send('ChannelCloseOk', {})
  }

  #fail(error: AmqpError): void {
    this.confirm()
    this.release()
    this.send('ChannelClose', closeFields(error, this.#methodId))
  }
}
