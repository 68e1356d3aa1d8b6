import { inspect } from 'node:util'
import type { Table } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'

/** What the `x-` arguments of a queue ask for. Absent limits are `Infinity`. */
export interface QueuePolicy {
  readonly type: 'classic' | 'quorum'
  /** Milliseconds. */
  readonly timeToLive: number
  readonly maxLength: number
  readonly maxLengthBytes: number
  readonly maxPriority: number
  readonly overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx'
  readonly deliveryLimit: number
  readonly deadLetter: DeadLetterPolicy | undefined
}

export interface DeadLetterPolicy {
  readonly exchange: string
  /** Absent: the message keeps its own. */
  readonly routingKey: string | undefined
  readonly atLeastOnce: boolean
}

type Kind = 'number' | 'string'

interface Argument {
  readonly kind: Kind
  readonly types: readonly string[]
}

const everyType = ['classic', 'quorum']
const known: Readonly<Record<string, Argument>> = {
  'x-queue-type': { kind: 'string', types: everyType },
  'x-message-ttl': { kind: 'number', types: everyType },
  'x-max-length': { kind: 'number', types: everyType },
  'x-max-length-bytes': { kind: 'number', types: everyType },
  'x-max-priority': { kind: 'number', types: ['classic'] },
  'x-overflow': { kind: 'string', types: everyType },
  'x-delivery-limit': { kind: 'number', types: ['quorum'] },
  'x-dead-letter-exchange': { kind: 'string', types: everyType },
  'x-dead-letter-routing-key': { kind: 'string', types: everyType },
  'x-dead-letter-strategy': { kind: 'string', types: ['quorum'] },
}
// They would change what happens to messages, so ignoring them in silence is no option.
const unsupported = ['x-expires', 'x-single-active-consumer']

/**
 * Reads the arguments of `queue.declare` by RabbitMQ's rules.
 * @throws AmqpError 406 for one that is invalid, 540 for one that only the real RabbitMQ has.
 */
export function readPolicy(queue: string, args: Table): QueuePolicy {
  const missing = unsupported.find(name => name in args)
  if (missing) throw AmqpError.notImplemented(`the embedded broker has no '${missing}'`)
  const type = oneOf(queue, args, 'x-queue-type', ['classic', 'quorum'])
  for (const name of Object.keys(args)) check(queue, args, name, type)
  return {
    type,
    timeToLive: limit(args, 'x-message-ttl'),
    maxLength: limit(args, 'x-max-length'),
    maxLengthBytes: limit(args, 'x-max-length-bytes'),
    maxPriority: typeof args['x-max-priority'] === 'number' ? args['x-max-priority'] : 0,
    overflow: oneOf(queue, args, 'x-overflow', ['drop-head', 'reject-publish', 'reject-publish-dlx']),
    deliveryLimit: limit(args, 'x-delivery-limit'),
    deadLetter: deadLetterPolicy(queue, args),
  }
}

/** @throws AmqpError 406 naming the first argument in which a second declaration differs from the queue. */
export function checkEquivalent(queue: string, current: Table, received: Table): void {
  for (const name of Object.keys(known)) {
    const [was, is] = [comparable(current, name), comparable(received, name)]
    if (was === is) continue
    const difference =
      is === undefined
        ? `received none but current is the value ${was}`
        : was === undefined
          ? `received the value ${is} but current is none`
          : `received ${is} but current is ${was}`
    throw AmqpError.preconditionFailed(`inequivalent arg '${name}' for queue '${queue}' in vhost '/': ${difference}`)
  }
}

// RabbitMQ takes a queue declared without a type for a classic one.
function comparable(args: Table, name: string): string | undefined {
  const value = args[name]
  if (value === undefined || (name === 'x-queue-type' && value === 'classic')) return undefined
  return `'${typeof value === 'string' ? value : inspect(value)}'`
}

function deadLetterPolicy(queue: string, args: Table): DeadLetterPolicy | undefined {
  const exchange = args['x-dead-letter-exchange']
  const routingKey = args['x-dead-letter-routing-key']
  const strategy = oneOf(queue, args, 'x-dead-letter-strategy', ['at-most-once', 'at-least-once'])
  if (typeof exchange === 'string') {
    const key = typeof routingKey === 'string' ? routingKey : undefined
    return { exchange, routingKey: key, atLeastOnce: strategy === 'at-least-once' }
  }
  if (routingKey !== undefined) throw invalid(queue, 'x-dead-letter-routing-key', 'routing_key_but_no_dlx_defined')
  return undefined
}

function check(queue: string, args: Table, name: string, type: string): void {
  const argument = known[name]
  if (!argument) return
  const value = args[name]
  if (!argument.types.includes(type)) {
    const text = `invalid arg '${name}' for queue '${queue}' in vhost '/' of queue type rabbit_${type}_queue`
    throw AmqpError.preconditionFailed(text)
  }
  if (typeof value !== argument.kind) throw invalid(queue, name, `expected ${argument.kind}, got ${typeof value}`)
  if (typeof value === 'number' && !isLimit(name, value)) throw invalid(queue, name, `{value_out_of_range,${value}}`)
}

function isLimit(name: string, value: number): boolean {
  const most = name === 'x-max-priority' ? 255 : Number.MAX_SAFE_INTEGER
  return Number.isInteger(value) && value >= 0 && value <= most
}

function limit(args: Table, name: string): number {
  const value = args[name]
  return typeof value === 'number' ? value : Number.POSITIVE_INFINITY
}

function oneOf<Value extends string>(
  queue: string,
  args: Table,
  name: string,
  values: readonly [Value, ...Value[]],
): Value {
  const value = args[name]
  if (value === undefined) return values[0]
  const found = values.find(candidate => candidate === value)
  if (found === undefined) throw invalid(queue, name, `unsupported value ${inspect(value)}`)
  return found
}

function invalid(queue: string, name: string, reason: string): AmqpError {
  return AmqpError.preconditionFailed(`invalid arg '${name}' for queue '${queue}' in vhost '/': ${reason}`)
}
