import { decodeProperties, encodeProperties, type Properties, type Table } from './amqp-codec.ts'
import type { QueueDefinition } from './durable-state.ts'
import { createMessage, type Message } from './message.ts'
import type { DeadLetterPolicy } from './queue-policy.ts'

export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/** One element of the `x-death` header: RabbitMQ keeps one per queue and reason, the latest first. */
interface Death extends Table {
  readonly queue: string
  readonly reason: string
  readonly count: number
}

/** The message that goes to the dead-letter exchange in place of `message`. */
export function deadLetter(
  message: Message,
  queue: QueueDefinition,
  policy: DeadLetterPolicy,
  reason: DeathReason,
  sequence: number,
): Message {
  const { expiration, ...properties } = decodeProperties(message.header)
  const headers = withDeath(properties.headers ?? {}, message, queue.name, reason, expiration)
  const routingKey = policy.routingKey ?? message.routingKey
  const header = encode(message, { ...properties, headers })
  return createMessage({ sequence, exchange: policy.exchange, routingKey, header, body: message.body }, properties)
}

// Other clients can send headers that amqplib's codec reads but cannot write, those beyond 64 KiB for example. Better that
// such a message lacks its history than that it is lost.
function encode(message: Message, properties: Properties): Buffer {
  try {
    return encodeProperties(message.body.length, properties)
  } catch {
    return message.header
  }
}

function withDeath(
  headers: Table,
  message: Message,
  queue: string,
  reason: DeathReason,
  expiration: string | undefined,
): Table {
  const earlier = deaths(headers)
  const same = earlier.find(death => death.queue === queue && death.reason === reason)
  const death = same
    ? { ...same, count: same.count + 1 }
    : {
        count: 1,
        reason,
        queue,
        time: { '!': 'timestamp', value: Math.floor(Date.now() / 1_000) },
        exchange: message.exchange,
        'routing-keys': [message.routingKey],
        ...(expiration === undefined ? {} : { 'original-expiration': expiration }),
      }
  return {
    'x-first-death-exchange': message.exchange,
    'x-first-death-queue': queue,
    'x-first-death-reason': reason,
    ...headers,
    'x-death': [death, ...earlier.filter(other => other !== same)],
  }
}

/**
 * Whether `message`, a dead letter, came to `queue` before and has gone round since without any consumer rejecting it.
 * RabbitMQ drops such a message, because it would go round for ever.
 */
export function isAutomaticCycle(message: Message, queue: string): boolean {
  const list = deaths(decodeProperties(message.header).headers ?? {})
  const last = list.findIndex(death => death.queue === queue)
  return last >= 0 && list.slice(0, last + 1).every(death => death.reason !== 'rejected')
}

function deaths(headers: Table): Death[] {
  const list = headers['x-death']
  return Array.isArray(list) ? list.filter(isDeath) : []
}

function isDeath(value: unknown): value is Death {
  return typeof value === 'object' && value !== null && 'queue' in value && 'reason' in value && 'count' in value
}

/** The header frame's payload with the `x-delivery-count` that quorum queues add to what they deliver again. */
export function withDeliveryCount(message: Message, count: number): Buffer {
  const properties = decodeProperties(message.header)
  return encode(message, { ...properties, headers: { ...properties.headers, 'x-delivery-count': count } })
}
