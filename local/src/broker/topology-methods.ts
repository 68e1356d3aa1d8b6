import type { ClientMethods, Table } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'
import type { Channel } from './channel.ts'
import { isExchangeType, sameBinding, type Binding, type Exchange } from './exchange.ts'
import { generatedName, queueOf, reply, type MethodHandlers } from './method-handling.ts'
import { checkEquivalent } from './queue-policy.ts'
import type { Queue } from './queue.ts'

/** The classes `exchange` and `queue`. */
export const topologyMethods: MethodHandlers = {
  ExchangeDeclare(channel, fields) {
    const existing = channel.host.findExchange(fields.exchange)
    if (fields.passive) channel.host.exchange(fields.exchange)
    else if (existing) checkSameExchange(existing, fields)
    else declareExchange(channel, fields)
    reply(channel, fields, 'ExchangeDeclareOk', {})
  },

  ExchangeDelete(channel, fields) {
    const name = fields.exchange
    refuseDefaultExchange(name)
    if (name.startsWith('amq.')) {
      throw AmqpError.accessRefused(`deletion of system exchange '${name}' in vhost '/' not allowed`)
    }
    const exchange = channel.host.findExchange(name)
    if (exchange && fields.ifUnused && exchange.bindings.length > 0) {
      throw AmqpError.preconditionFailed(`exchange '${name}' in vhost '/' in use`)
    }
    if (exchange) channel.host.deleteExchange(exchange)
    reply(channel, fields, 'ExchangeDeleteOk', {})
  },

  ExchangeBind(channel, fields) {
    channel.host.exchange(fields.destination)
    channel.host.bind(exchangeBinding(channel, fields))
    reply(channel, fields, 'ExchangeBindOk', {})
  },

  ExchangeUnbind(channel, fields) {
    const doomed = exchangeBinding(channel, fields)
    channel.host.unbind(binding => sameBinding(binding, doomed))
    reply(channel, fields, 'ExchangeUnbindOk', {})
  },

  QueueDeclare(channel, fields) {
    const queue = fields.passive ? queueOf(channel, fields.queue) : declaredQueue(channel, fields)
    const { name } = queue.definition
    channel.lastQueue = name
    const counts = { messageCount: queue.messageCount, consumerCount: queue.consumers.length }
    reply(channel, fields, 'QueueDeclareOk', { queue: name, ...counts })
  },

  QueueBind(channel, fields) {
    channel.host.bind(queueBinding(channel, fields))
    reply(channel, fields, 'QueueBindOk', {})
  },

  QueueUnbind(channel, fields) {
    const doomed = queueBinding(channel, fields)
    channel.host.unbind(binding => sameBinding(binding, doomed))
    channel.send('QueueUnbindOk', {})
  },

  QueuePurge(channel, fields) {
    reply(channel, fields, 'QueuePurgeOk', { messageCount: queueOf(channel, fields.queue).purge() })
  },

  QueueDelete(channel, fields) {
    const queue = channel.host.findQueue(fields.queue || channel.lastQueue)
    const messageCount = queue?.messageCount ?? 0
    if (queue) deleteQueue(channel, queue, fields)
    reply(channel, fields, 'QueueDeleteOk', { messageCount })
  },
}

function declareExchange(channel: Channel, fields: ClientMethods['ExchangeDeclare']): void {
  const { exchange: name, type, durable, autoDelete, internal } = fields
  refuseReserved('exchange', name)
  if (!isExchangeType(type)) {
    throw new AmqpError('connection', 503, `COMMAND_INVALID - unknown exchange type '${type}'`)
  }
  channel.host.declareExchange({ name, type, durable, autoDelete, internal, arguments: fields.arguments })
}

function checkSameExchange({ definition }: Exchange, fields: ClientMethods['ExchangeDeclare']): void {
  for (const property of ['type', 'durable', 'autoDelete', 'internal'] as const) {
    checkSame('exchange', definition.name, property, definition[property], fields[property])
  }
}

function declaredQueue(channel: Channel, fields: ClientMethods['QueueDeclare']): Queue {
  const name = fields.queue || generatedName('amq.gen-')
  const existing = channel.host.findQueue(name)
  if (existing) {
    checkSameQueue(channel, existing, fields)
    return existing
  }
  if (fields.queue) refuseReserved('queue', name)
  checkQuorum(name, fields)
  const { durable, autoDelete, arguments: args } = fields
  const definition = { name, durable: durable && !fields.exclusive, autoDelete, arguments: args }
  return channel.host.declareQueue(definition, fields.exclusive ? channel.connection : undefined)
}

function checkSameQueue(channel: Channel, queue: Queue, fields: ClientMethods['QueueDeclare']): void {
  const { name, autoDelete, durable } = queue.definition
  if (queue.owner !== (fields.exclusive ? channel.connection : undefined)) throw AmqpError.locked(name)
  if (!queue.owner) checkSame('queue', name, 'durable', durable, fields.durable)
  checkSame('queue', name, 'autoDelete', autoDelete, fields.autoDelete)
  checkEquivalent(name, queue.definition.arguments, fields.arguments)
}

function checkSame(kind: string, name: string, property: string, current: unknown, received: unknown): void {
  if (current === received) return
  const argument = property === 'autoDelete' ? 'auto_delete' : property
  const text = `inequivalent arg '${argument}' for ${kind} '${name}' in vhost '/': received '${String(received)}' but current is '${String(current)}'`
  throw AmqpError.preconditionFailed(text)
}

function checkQuorum(name: string, { durable, exclusive, arguments: args }: ClientMethods['QueueDeclare']): void {
  if (args['x-queue-type'] !== 'quorum' || (durable && !exclusive)) return
  const property = exclusive ? 'exclusive-owner' : 'non-durable'
  throw AmqpError.preconditionFailed(`invalid property '${property}' for queue '${name}' in vhost '/'`)
}

function deleteQueue(channel: Channel, queue: Queue, fields: ClientMethods['QueueDelete']): void {
  const { name } = queue.definition
  if (queue.owner && queue.owner !== channel.connection) throw AmqpError.locked(name)
  if (fields.ifUnused && queue.consumers.length > 0) {
    throw AmqpError.preconditionFailed(`queue '${name}' in vhost '/' in use`)
  }
  if (fields.ifEmpty && queue.messageCount > 0) {
    throw AmqpError.preconditionFailed(`queue '${name}' in vhost '/' not empty`)
  }
  channel.host.deleteQueue(queue)
}

interface BindingRequest {
  readonly routingKey: string
  readonly arguments: Table
}

function queueBinding(
  channel: Channel,
  { queue, exchange, ...request }: BindingRequest & { readonly queue: string; readonly exchange: string },
): Binding {
  const destination = queueOf(channel, queue).definition.name
  refuseDefaultExchange(exchange)
  return bindingFrom(channel, exchange, 'queue', destination, request)
}

function exchangeBinding(
  channel: Channel,
  { source, destination, ...request }: BindingRequest & { readonly source: string; readonly destination: string },
): Binding {
  refuseDefaultExchange(source)
  refuseDefaultExchange(destination)
  return bindingFrom(channel, source, 'exchange', destination, request)
}

function bindingFrom(
  channel: Channel,
  source: string,
  kind: Binding['kind'],
  destination: string,
  { routingKey, arguments: args }: BindingRequest,
): Binding {
  channel.host.exchange(source)
  return { source, kind, destination, routingKey, arguments: args }
}

function refuseReserved(kind: 'exchange' | 'queue', name: string): void {
  if (!name.startsWith('amq.')) return
  throw AmqpError.accessRefused(`${kind} name '${name}' contains reserved prefix 'amq.*'`)
}

function refuseDefaultExchange(name: string): void {
  if (name === '') throw AmqpError.accessRefused('operation not permitted on the default exchange')
}
