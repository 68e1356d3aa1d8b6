import { setTimeout as sleep } from 'node:timers/promises'
import type { ChannelModel } from 'amqplib'
import { connectBroker, destroySocket } from '../broker/broker.ts'
import { countQueues, type CountQueues } from '../broker/count-queues.ts'
import type { Consumer } from './consumer.ts'
import { ConsumerLoop, type LoopOptions } from './consumer-loop.ts'
import { startDeadLetterDrain } from './dead-letter-drain.ts'
import { openMessageLocks } from './message-locks.ts'
import { declareTopology, queueNames } from '../broker/topology.ts'

export interface ConsumingOptions extends Omit<LoopOptions, 'onBroken' | 'locks' | 'halted'> {
  readonly consumers: readonly Consumer[]
}

export interface Consuming {
  /** Why messages cannot be received now; `undefined` when they can. */
  trouble(): string | undefined
  /** Asks the broker for queues. Unlike the publisher's, this connection is never held up by a broker short of memory. */
  readonly countQueues: CountQueues
  /** Takes no more messages and finishes those at hand; what `deadline` ms do not suffice for goes back to its queue. */
  stop(deadline: number): Promise<void>
}

/** Starts a service's consumers on a connection of their own; all of it is opened again after every reconnect. */
export async function startConsuming(options: ConsumingOptions): Promise<Consuming> {
  const { service, config, resources, consumers } = options
  const locks = openMessageLocks(service, config, resources.log)
  const halt = new AbortController()
  const loops = new Set<ConsumerLoop>()
  // Loops of a lost connection, until what they were at is done.
  const leaving = new Set<Promise<void>>()
  let stopping = false
  const abandonAll = () => {
    for (const loop of loops) {
      loop.abandon()
      const left = loop.settled().then(() => void leaving.delete(left))
      leaving.add(left)
    }
    loops.clear()
  }
  const setup = async (model: ChannelModel) => {
    abandonAll()
    const onBroken = (reason: string) => {
      if (!stopping) destroySocket(model, reason)
    }
    await declareAll(model, options)
    for (const consumer of consumers) {
      const loop = await openLoop(consumer, model, { ...options, locks, halted: halt.signal, onBroken })
      if (stopping) throw new Error('the service is stopping')
      loops.add(loop)
      await loop.start()
    }
    await drainDeadLetters(model, options, onBroken)
  }
  const connection = await connectBroker({
    name: `${service} consumers`,
    url: config.BROKER_URL,
    log: resources.log,
    onDisconnect: abandonAll,
    setup,
  })
  return {
    trouble: () => connection.trouble(),
    async countQueues(names) {
      const model = connection.model()
      if (!model) throw new Error('not connected')
      return countQueues(model, names)
    },
    async stop(deadline) {
      stopping = true
      const finished = Promise.allSettled([...[...loops].map(loop => loop.finish()), ...leaving])
      await Promise.race([finished, sleep(deadline, undefined, { ref: false })])
      abandonAll()
      halt.abort(new Error('the service has stopped'))
      await connection.close()
      await locks.close()
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
  return new ConsumerLoop(consumer, channel, options)
}

async function drainDeadLetters(model: ChannelModel, options: ConsumingOptions, onBroken: (reason: string) => void) {
  const { service, consumers, config, resources } = options
  const channel = await model.createChannel()
  channel.on('error', error => resources.log.warn({ err: error }, 'dead-letter channel failed'))
  channel.on('close', () => onBroken('the dead-letter channel closed'))
  const drained = consumers.map(each => ({ queues: queueNames(service, each, config), messages: each.messages }))
  await startDeadLetterDrain(channel, drained, resources, onBroken)
}
