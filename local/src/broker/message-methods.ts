import { AmqpError } from './amqp-error.ts'
import type { Channel } from './channel.ts'
import { generatedName, queueOf, reply, type MethodHandlers } from './method-handling.ts'
import type { Queue } from './queue.ts'

/** The classes `basic` and `confirm`, and what is left of `channel` once one is open. */
export const messageMethods: MethodHandlers = {
  ChannelFlow: (channel, { active }) => channel.send('ChannelFlowOk', { active }),

  ConfirmSelect(channel, fields) {
    channel.enableConfirms()
    reply(channel, fields, 'ConfirmSelectOk', {})
  },

  BasicQos(channel, { prefetchSize, prefetchCount, global }) {
    if (prefetchSize !== 0) throw AmqpError.notImplemented(`prefetch_size!=0 (${prefetchSize})`)
    const limit = prefetchCount === 0 ? Number.POSITIVE_INFINITY : prefetchCount
    if (global) channel.totalPrefetch = limit
    else channel.prefetch = limit
    channel.send('BasicQosOk', {})
    channel.pump()
  },

  BasicConsume(channel, fields) {
    const queue = queueOf(channel, fields.queue)
    const tag = fields.consumerTag || generatedName('amq.ctag-')
    if (channel.consumers.has(tag)) throw AmqpError.notAllowed(`attempt to reuse consumer tag '${tag}'`)
    checkExclusiveUse(queue, fields.exclusive)
    const { noAck, exclusive } = fields
    const consumer = queue.addConsumer({ tag, noAck, exclusive, prefetch: channel.prefetch }, channel)
    channel.consumers.set(tag, consumer)
    reply(channel, fields, 'BasicConsumeOk', { consumerTag: tag })
    queue.pump()
  },

  BasicCancel(channel, fields) {
    const consumer = channel.consumers.get(fields.consumerTag)
    channel.consumers.delete(fields.consumerTag)
    reply(channel, fields, 'BasicCancelOk', { consumerTag: fields.consumerTag })
    consumer?.queue.removeConsumer(consumer)
  },

  BasicPublish(channel, fields) {
    if (fields.immediate) throw AmqpError.notImplemented('immediate=true')
    channel.startPublish(fields)
  },

  BasicGet(channel, { queue: name, noAck }) {
    const queue = queueOf(channel, name)
    const entry = queue.take()
    if (!entry) return channel.send('BasicGetEmpty', {})
    const deliveryTag = channel.track(entry, queue, undefined, noAck)
    const { exchange, routingKey } = entry.message
    const fields = { deliveryTag, redelivered: entry.deliveries > 1, exchange, routingKey }
    channel.send('BasicGetOk', { ...fields, messageCount: queue.messageCount })
    channel.sendContent(entry.message, queue.headerOf(entry))
  },

  BasicAck(channel, { deliveryTag, multiple }) {
    channel.settle(deliveryTag, multiple, ({ queue, entry }) => queue.settle(entry))
  },

  BasicNack(channel, { deliveryTag, multiple, requeue }) {
    refuse(channel, deliveryTag, multiple, requeue)
  },

  BasicReject(channel, { deliveryTag, requeue }) {
    refuse(channel, deliveryTag, false, requeue)
  },

  BasicRecover(channel) {
    refuse(channel, 0, true, true)
    channel.send('BasicRecoverOk', {})
  },
}

function checkExclusiveUse(queue: Queue, exclusive: boolean): void {
  const taken = queue.consumers.some(consumer => consumer.options.exclusive)
  if (!taken && !(exclusive && queue.consumers.length > 0)) return
  throw AmqpError.accessRefused(`queue '${queue.definition.name}' in vhost '/' in exclusive use`)
}

function refuse(channel: Channel, tag: number, multiple: boolean, requeue: boolean): void {
  channel.settle(tag, multiple, ({ queue, entry }) => (requeue ? queue.requeue(entry) : queue.reject(entry)))
}
