import { sameBinding, type Binding, type ExchangeDefinition } from './exchange.ts'
import type { Entry, Message } from './message.ts'
import type { Table } from './amqp-codec.ts'

export interface QueueDefinition {
  /** Tells a queue from an earlier one of the same name. */
  readonly id: number
  readonly name: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: Table
}

export interface Target {
  readonly queue: number
  readonly entry: Entry
}

/** What the log is made of: every change to what must survive the process. */
export type Change = TopologyChange | MessageChange

export type TopologyChange =
  | { readonly kind: 'exchange-declared'; readonly exchange: ExchangeDefinition }
  | { readonly kind: 'exchange-deleted'; readonly name: string }
  | { readonly kind: 'queue-declared'; readonly queue: QueueDefinition }
  | { readonly kind: 'queue-deleted'; readonly queue: number }
  | { readonly kind: 'bound'; readonly binding: Binding }
  | { readonly kind: 'unbound'; readonly binding: Binding }

export type MessageChange =
  | { readonly kind: 'enqueued'; readonly message: Message; readonly targets: readonly Target[] }
  | { readonly kind: 'delivered'; readonly queue: number; readonly sequence: number; readonly deliveries: number }
  | { readonly kind: 'settled'; readonly queue: number; readonly sequence: number }

interface DurableQueue {
  readonly definition: QueueDefinition
  /** By the sequence of their message, in its order. */
  readonly entries: Map<number, Entry>
}

const perEntryBytes = 64

/** What the log says is there: rebuilt from it at start, kept beside it while running, written out to compact it. */
export class DurableState {
  readonly exchanges = new Map<string, ExchangeDefinition>()
  readonly queues = new Map<number, DurableQueue>()
  bindings: Binding[] = []
  lastSequence = 0
  lastQueue = 0
  /** About what the live messages take in a log. */
  liveBytes = 0

  apply(change: Change): void {
    switch (change.kind) {
      case 'exchange-declared':
        this.exchanges.set(change.exchange.name, change.exchange)
        return
      case 'exchange-deleted':
        this.exchanges.delete(change.name)
        this.#unbind('exchange', change.name)
        return
      case 'queue-declared':
        this.lastQueue = Math.max(this.lastQueue, change.queue.id)
        this.queues.set(change.queue.id, { definition: change.queue, entries: new Map() })
        return
      case 'queue-deleted':
        return this.#deleteQueue(change.queue)
      case 'bound':
        this.bindings.push(change.binding)
        return
      case 'unbound':
        this.bindings = this.bindings.filter(binding => !sameBinding(binding, change.binding))
        return
      case 'enqueued':
        return this.#enqueue(change.message, change.targets)
      case 'delivered':
        return this.#deliver(change.queue, change.sequence, change.deliveries)
      case 'settled':
        return this.#settle(change.queue, change.sequence)
    }
  }

  /** The shortest list of changes that leads here. It stays as it is while later changes are applied. */
  snapshot(): Change[] {
    return [
      ...[...this.exchanges.values()].map(exchange => ({ kind: 'exchange-declared', exchange }) as const),
      ...[...this.queues.values()].map(({ definition }) => ({ kind: 'queue-declared', queue: definition }) as const),
      ...this.bindings.map(binding => ({ kind: 'bound', binding }) as const),
      ...this.#messages(),
    ]
  }

  // A message that waits in several queues is written once.
  #messages(): MessageChange[] {
    const targets = new Map<Message, Target[]>()
    for (const [queue, { entries }] of this.queues) {
      for (const entry of entries.values()) {
        const target = { queue, entry: { ...entry } }
        const known = targets.get(entry.message)
        if (known) known.push(target)
        else targets.set(entry.message, [target])
      }
    }
    return [...targets]
      .map(([message, list]) => ({ kind: 'enqueued', message, targets: list }) as const)
      .toSorted((one, other) => one.message.sequence - other.message.sequence)
  }

  #enqueue(message: Message, targets: readonly Target[]): void {
    this.lastSequence = Math.max(this.lastSequence, message.sequence)
    for (const { queue, entry } of targets) {
      const entries = this.queues.get(queue)?.entries
      if (!entries) continue
      entries.set(message.sequence, entry)
      this.liveBytes += sizeOf(entry)
    }
  }

  #deliver(queue: number, sequence: number, deliveries: number): void {
    const entry = this.queues.get(queue)?.entries.get(sequence)
    if (entry) entry.deliveries = deliveries
  }

  // Whatever a deleted queue's consumers settle later finds no queue here.
  #settle(queue: number, sequence: number): void {
    const entries = this.queues.get(queue)?.entries
    const entry = entries?.get(sequence)
    if (!entry) return
    entries?.delete(sequence)
    this.liveBytes -= sizeOf(entry)
  }

  #deleteQueue(id: number): void {
    const queue = this.queues.get(id)
    if (!queue) return
    for (const entry of queue.entries.values()) this.liveBytes -= sizeOf(entry)
    this.queues.delete(id)
    this.#unbind('queue', queue.definition.name)
  }

  #unbind(kind: Binding['kind'], name: string): void {
    this.bindings = this.bindings.filter(
      ({ source, destination, kind: to }) =>
        !(to === kind && destination === name) && !(kind === 'exchange' && source === name),
    )
  }
}

function sizeOf({ message }: Entry): number {
  return message.header.length + message.body.length + perEntryBytes
}
