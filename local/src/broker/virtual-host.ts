import { decodeProperties, type Table } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'
import { isAutomaticCycle, type DeathReason } from './dead-letter.ts'
import type { Change, QueueDefinition } from './durable-state.ts'
import { Exchange, type Binding, type ExchangeDefinition, type ExchangeType } from './exchange.ts'
import type { Journal } from './journal.ts'
import type { Entry, Message } from './message.ts'
import { Queue, type QueueHost } from './queue.ts'
import { readPolicy } from './queue-policy.ts'
import type { Turn } from './turn.ts'

/** What became of a published message. */
export type Outcome = 'routed' | 'unroutable' | 'refused'

const predeclared: readonly (readonly [string, ExchangeType])[] = [
  ['', 'direct'],
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
  ['amq.topic', 'topic'],
]

/** Exchanges, queues and the way of a message through them: the broker without its network. */
export class VirtualHost implements QueueHost {
  readonly turn: Turn
  readonly #journal: Journal
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new Map<string, Queue>()
  #lastSequence: number
  #lastQueue: number

  constructor(journal: Journal, turn: Turn) {
    this.turn = turn
    this.#journal = journal
    this.#lastSequence = journal.state.lastSequence
    this.#lastQueue = journal.state.lastQueue
    for (const [name, type] of predeclared) this.#addExchange(systemExchange(name, type))
    this.#restore()
  }

  /** @throws AmqpError 404 */
  exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (!exchange) throw AmqpError.notFound('exchange', name)
    return exchange
  }

  findExchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name)
  }

  findQueue(name: string): Queue | undefined {
    return this.#queues.get(name)
  }

  nextSequence(): number {
    return ++this.#lastSequence
  }

  record(change: Change): void {
    this.#journal.append(change)
    this.turn.touch()
  }

  declareExchange(definition: ExchangeDefinition): void {
    this.#addExchange(definition)
    if (definition.durable) this.record({ kind: 'exchange-declared', exchange: definition })
  }

  deleteExchange({ definition: { name, durable } }: Exchange): void {
    this.#exchanges.delete(name)
    if (durable) this.record({ kind: 'exchange-deleted', name })
    this.unbind(({ kind, destination }) => kind === 'exchange' && destination === name)
  }

  isBound(name: string): boolean {
    return this.exchange(name).bindings.length > 0
  }

  /** @param owner the connection that alone may use the queue, which makes it exclusive. */
  declareQueue(definition: Omit<QueueDefinition, 'id'>, owner: object | undefined): Queue {
    const queue = this.#addQueue({ ...definition, id: ++this.#lastQueue }, owner)
    if (queue.definition.durable) this.record({ kind: 'queue-declared', queue: queue.definition })
    return queue
  }

  deleteQueue(queue: Queue): void {
    const { id, name, durable } = queue.definition
    this.#queues.delete(name)
    if (durable) this.record({ kind: 'queue-deleted', queue: id })
    this.unbind(({ kind, destination }) => kind === 'queue' && destination === name)
    queue.delete()
  }

  queueUnused(queue: Queue): void {
    this.deleteQueue(queue)
  }

  deleteQueuesOf(owner: object): void {
    for (const queue of this.#queues.values()) if (queue.owner === owner) this.deleteQueue(queue)
  }

  bind(binding: Binding): void {
    const added = this.exchange(binding.source).bind(binding)
    if (added && this.#isDurable(binding)) this.record({ kind: 'bound', binding })
  }

  unbind(doomed: (binding: Binding) => boolean): void {
    for (const exchange of this.#exchanges.values()) {
      const removed = exchange.unbind(doomed)
      for (const binding of removed) if (exchange.definition.durable) this.record({ kind: 'unbound', binding })
      if (removed.length > 0 && exchange.definition.autoDelete && exchange.bindings.length === 0) {
        this.deleteExchange(exchange)
      }
    }
  }

  publish(message: Message): Outcome {
    return this.#enqueue(message, this.#route(message))
  }

  publishDeadLetter(message: Message, reason: DeathReason): boolean {
    const queues = this.#route(message)
    const open = reason === 'rejected' ? queues : queues.filter(queue => !closesCycle(message, queue))
    if (open.length === 0) return queues.length > 0
    return this.#enqueue(message, open) === 'routed'
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close()
  }

  // Logged before it is offered to any queue: a consumer may take it, and settle it, at once.
  #enqueue(message: Message, queues: readonly Queue[]): Outcome {
    if (queues.length === 0) return 'unroutable'
    const accepting = queues.filter(queue => !queue.refuses)
    const targets = accepting.map(queue => ({ queue, entry: queue.createEntry(message) }))
    const durable = targets.filter(({ queue }) => queue.isDurable(message))
    if (durable.length > 0) {
      const logged = durable.map(({ queue, entry }) => ({ queue: queue.definition.id, entry }))
      this.record({ kind: 'enqueued', message, targets: logged })
    }
    for (const { queue, entry } of targets) queue.enqueue(entry)
    for (const queue of queues) if (!accepting.includes(queue)) queue.turnAway(message)
    return accepting.length === queues.length ? 'routed' : 'refused'
  }

  #route(message: Message): Queue[] {
    const found = new Set<Queue>()
    this.#collect(message.exchange, message, found, new Set())
    return [...found]
  }

  #collect(exchangeName: string, message: Message, found: Set<Queue>, seen: Set<string>): void {
    if (exchangeName === '') {
      const queue = this.#queues.get(message.routingKey)
      if (queue) found.add(queue)
      return
    }
    const exchange = this.#exchanges.get(exchangeName)
    if (!exchange || seen.has(exchangeName)) return
    seen.add(exchangeName)
    const headers = (): Table => decodeProperties(message.header).headers ?? {}
    let matched = false
    for (const { kind, destination } of exchange.route(message.routingKey, headers)) {
      matched = true
      const queue = kind === 'queue' ? this.#queues.get(destination) : undefined
      if (queue) found.add(queue)
      else this.#collect(destination, message, found, seen)
    }
    const alternate = exchange.definition.arguments['alternate-exchange']
    if (!matched && typeof alternate === 'string') this.#collect(alternate, message, found, seen)
  }

  #isDurable({ source, kind, destination }: Binding): boolean {
    const target = kind === 'queue' ? this.#queues.get(destination) : this.#exchanges.get(destination)
    return this.exchange(source).definition.durable && target?.definition.durable === true
  }

  #addExchange(definition: ExchangeDefinition): void {
    this.#exchanges.set(definition.name, new Exchange(definition))
  }

  #addQueue(definition: QueueDefinition, owner?: object): Queue {
    const queue = new Queue(definition, readPolicy(definition.name, definition.arguments), owner, this)
    this.#queues.set(definition.name, queue)
    return queue
  }

  #restore(): void {
    const { exchanges, queues, bindings } = this.#journal.state
    for (const definition of exchanges.values()) this.#addExchange(definition)
    const restored = [...queues.values()].map(({ definition, entries }) => {
      const queue = this.#addQueue(definition)
      for (const entry of entries.values() as Iterable<Entry>) queue.restore(entry)
      return queue
    })
    for (const binding of bindings) this.exchange(binding.source).bind(binding)
    for (const queue of restored) queue.resume()
  }
}

function systemExchange(name: string, type: ExchangeType): ExchangeDefinition {
  return { name, type, durable: true, autoDelete: false, internal: false, arguments: {} }
}

function closesCycle(message: Message, queue: Queue): boolean {
  return isAutomaticCycle(message, queue.definition.name)
}
