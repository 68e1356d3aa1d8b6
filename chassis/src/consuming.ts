import type { ChannelModel } from 'amqplib'
import { connectBroker, destroySocket } from './broker.ts'
import type { Consumer } from './consumer.ts'
import { ConsumerLoop, type LoopOptions } from './consumer-loop.ts'
import { startDeadLetterDrain } from './dead-letters.ts'
import { declareTopology, queueNames } from './topology.ts'

export interface ConsumingOptions extends Omit<LoopOptions, 'onBroken'> {
  readonly consumers: readonly Consumer[]
}

export interface Consuming {
  /** Why messages cannot be received now; `undefined` when they can. */
  trouble(): string | undefined
  /** Takes no more messages and finishes those at hand; what `deadline` ms do not suffice for goes back to its queue. */
  stop(deadline: number): Promise<void>
}

/** Starts a service's consumers on a connection of their own; all of it is opened again after every reconnect. */
export async function startConsuming(options: ConsumingOptions): Promise<Consuming> {
  const { service, config, resources } = options
  let loops: ConsumerLoop[] = []
  let stopping = false
  const abandonAll = () => loops.splice(0).forEach(loop => loop.abandon())
  const connection = await connectBroker({
    name: `${service} consumers`,
    url: config.BROKER_URL,
    log: resources.log,
    onDisconnect: abandonAll,
    setup: async model => {
      abandonAll()
      const onBroken = (reason: string) => {
        if (!stopping) destroySocket(model, reason)
      }
      await declareAll(model, options)
      loops = await Promise.all(options.consumers.map(consumer => openLoop(consumer, model, { ...options, onBroken })))
      await drainDeadLetters(model, options, onBroken)
    },
  })
  return {
    trouble: () => connection.trouble(),
    async stop(deadline) {
      stopping = true
      await Promise.all(loops.map(loop => loop.finish(deadline)))
      await connection.close()
    },
  }
}

async function declareAll(model: ChannelModel, { service, consumers, config, resources }: ConsumingOptions) {
  const channel = await model.createChannel()
  channel.on('error', error => resources.log.error({ err: error }, 'the broker refused the queues'))
  await declareTopology(channel, service, consumers, config)
  await channel.close()
}

async function openLoop(consumer: Consumer, model: ChannelModel, options: LoopOptions): Promise<ConsumerLoop> {
  const channel = await model.createChannel()
  channel.on('error', error => options.resources.log.warn({ err: error, consumer: consumer.name }, 'channel failed'))
  channel.on('close', () => options.onBroken(`the channel of ${consumer.name} closed`))
  const loop = new ConsumerLoop(consumer, channel, options)
  await loop.start()
  return loop
}

async function drainDeadLetters(model: ChannelModel, options: ConsumingOptions, onBroken: (reason: string) => void) {
  const { service, consumers, config, resources } = options
  const channel = await model.createChannel()
  channel.on('error', error => resources.log.warn({ err: error }, 'dead-letter channel failed'))
  channel.on('close', () => onBroken('the dead-letter channel closed'))
  const queues = consumers.map(consumer => queueNames(service, consumer, config))
  await startDeadLetterDrain(channel, queues, resources, onBroken)
}
