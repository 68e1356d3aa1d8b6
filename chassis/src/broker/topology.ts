import type { Channel } from 'amqplib'
import type { BaseConfig } from '../config.ts'
import type { Consumer } from '../consuming/consumer.ts'
import { onConnection } from './broker.ts'

export type TopologySettings = Pick<BaseConfig, 'BROKER_NAMESPACE' | 'BROKER_QUEUE_TYPE' | 'RETRY_DELAYS'>

/** The one exchange; a message's type is its routing key. */
export function exchangeName({ BROKER_NAMESPACE }: Pick<BaseConfig, 'BROKER_NAMESPACE'>): string {
  return `${BROKER_NAMESPACE}feira.events`
}

export interface QueueNames {
  /** `<service>.<consumer>`, without namespace: for people and metrics. */
  readonly name: string
  readonly main: string
  readonly dead: string
  /** One queue per pause: with one for all, a long pause would hold up the short ones behind it. */
  readonly retries: readonly { readonly name: string; readonly delay: number }[]
}

/** The queues of one consumer: `<service>.<consumer>`, its retry queues and its dead-letter queue. */
export function queueNames(service: string, consumer: Consumer, settings: TopologySettings): QueueNames {
  const name = `${service}.${consumer.name}`
  const main = `${settings.BROKER_NAMESPACE}${name}`
  const delays = consumer.retryDelays ?? settings.RETRY_DELAYS
  return {
    name,
    main,
    dead: `${main}.dlq`,
    retries: delays.map(delay => ({ name: `${main}.retry.${delay}ms`, delay })),
  }
}

/**
 * Declares the exchange, and the queues and bindings of a service's consumers. Declaring again changes nothing; queues
 * that exist with other arguments make the broker refuse, and the error says which.
 */
export async function declareTopology(
  channel: Channel,
  service: string,
  consumers: readonly Consumer[],
  settings: TopologySettings,
): Promise<void> {
  const exchange = exchangeName(settings)
  await channel.assertExchange(exchange, 'topic', { durable: true })
  for (const consumer of consumers) {
    const { main, dead, retries } = queueNames(service, consumer, settings)
    await declareQueue(channel, dead, typeArguments(settings))
    await declareQueue(channel, main, {
      ...typeArguments(settings),
      ...deadLetterTo(dead, settings),
      ...deliveryLimit(settings),
    })
    for (const { name, delay } of retries) {
      await declareQueue(channel, name, {
        ...typeArguments(settings),
        ...deadLetterTo(main, settings),
        'x-message-ttl': delay,
      })
    }
    if (consumer.bound === false) continue
    for (const { type } of consumer.messages) await channel.bindQueue(main, exchange, type)
  }
}

/** Declares a service's topology over a connection of its own; for `setup`, before anything is published. */
export async function setUpTopology(
  url: string,
  service: string,
  consumers: readonly Consumer[],
  settings: TopologySettings,
): Promise<void> {
  await onConnection(url, async model => {
    const channel = await model.createChannel()
    channel.on('error', () => {})
    await declareTopology(channel, service, consumers, settings)
  })
}

async function declareQueue(channel: Channel, name: string, args: Record<string, unknown>): Promise<void> {
  await channel.assertQueue(name, { durable: true, arguments: args })
}

function typeArguments({ BROKER_QUEUE_TYPE }: TopologySettings) {
  return { 'x-queue-type': BROKER_QUEUE_TYPE }
}

function deadLetterTo(queue: string, { BROKER_QUEUE_TYPE }: TopologySettings) {
  return {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    // Only quorum queues can hand over without the chance of a loss; they demand this overflow behaviour for it.
    ...(BROKER_QUEUE_TYPE === 'quorum'
      ? { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
      : {}),
  }
}

// RabbitMQ 4 gives up after 20 deliveries unless told otherwise. Ours is the last resort behind `suspect_messages`, and
// generous because a rolling restart redelivers healthy messages too.
function deliveryLimit({ BROKER_QUEUE_TYPE }: TopologySettings) {
  return BROKER_QUEUE_TYPE === 'quorum' ? { 'x-delivery-limit': 100 } : {}
}
