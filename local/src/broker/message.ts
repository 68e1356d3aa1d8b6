import { decodeProperties, type Properties } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'

/** What a publisher sent. Header and body stay the bytes that came, so that they leave exactly as they came. */
export interface Message {
  /** Grows with every message of this broker; what is returned to a queue finds its old place by it. */
  readonly sequence: number
  readonly exchange: string
  readonly routingKey: string
  /** Payload of the content header frame: class, body size and properties. */
  readonly header: Buffer
  readonly body: Buffer
  readonly persistent: boolean
  readonly priority: number
  /** The publisher's own `expiration` in milliseconds, `Infinity` without one. */
  readonly timeToLive: number
}

/** A message in one queue. */
export interface Entry {
  readonly message: Message
  /** Milliseconds since 1970; `Infinity` when it never expires. */
  readonly expiresAt: number
  /** How often it was handed to a consumer. */
  deliveries: number
}

export interface Envelope {
  readonly sequence: number
  readonly exchange: string
  readonly routingKey: string
  readonly header: Buffer
  readonly body: Buffer
}

/** @throws AmqpError 406 for an `expiration` that is no whole number of milliseconds, 502 for malformed properties. */
export function createMessage(envelope: Envelope, properties = decodeProperties(envelope.header)): Message {
  const { sequence, exchange, routingKey, header, body } = envelope
  return {
    sequence,
    exchange,
    routingKey,
    header,
    body,
    persistent: properties.deliveryMode === 2,
    priority: properties.priority ?? 0,
    timeToLive: timeToLive(properties),
  }
}

function timeToLive({ expiration }: Properties): number {
  if (expiration === undefined) return Number.POSITIVE_INFINITY
  if (!/^\d{1,10}$/.test(expiration)) throw AmqpError.preconditionFailed(`invalid expiration '${expiration}'`)
  return Number(expiration)
}
