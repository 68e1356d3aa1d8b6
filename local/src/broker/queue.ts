import { Consumer, type ConsumerOptions, type Recipient } from './consumer.ts'
import { deadLetter, withDeliveryCount, type DeathReason } from './dead-letter.ts'
import type { MessageChange, QueueDefinition } from './durable-state.ts'
import type { Entry, Message } from './message.ts'
import type { QueuePolicy } from './queue-policy.ts'
import { ReadyList } from './ready-list.ts'

/** What a queue needs of the broker around it. */
export interface QueueHost {
  nextSequence(): number
  record(change: MessageChange): void
  /** @returns false when no queue is bound for it or one turned it away. */
  publishDeadLetter(message: Message, reason: DeathReason): boolean
  queueUnused(queue: Queue): void
}

const expiryBatch = 1_000
const strandedRetryDelay = 1_000
const longestTimer = 2 ** 31 - 1

export class Queue {
  readonly definition: QueueDefinition
  readonly policy: QueuePolicy
  /** The connection that alone may use an exclusive queue. */
  readonly owner: object | undefined
  readonly #host: QueueHost
  readonly #ready: ReadyList
  #consumers: Consumer[] = []
  #nextTurn = 0
  #expiryTimer: NodeJS.Timeout | undefined
  #expiryTimerAt = Number.POSITIVE_INFINITY
  /** Dead letters that nobody takes although they must not be lost. */
  #stranded: { readonly entry: Entry; readonly reason: DeathReason }[] = []
  #strandedTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(definition: QueueDefinition, policy: QueuePolicy, owner: object | undefined, host: QueueHost) {
    this.definition = definition
    this.policy = policy
    this.owner = owner
    this.#host = host
    this.#ready = new ReadyList(policy.maxPriority)
  }

  get messageCount(): number {
    return this.#ready.length
  }

  get consumers(): readonly Consumer[] {
    return this.#consumers
  }

  /** Whether a publisher is turned away instead of the oldest message. */
  get refuses(): boolean {
    const { overflow, maxLength, maxLengthBytes } = this.policy
    if (overflow === 'drop-head') return false
    return this.#ready.length >= maxLength || this.#ready.bytes >= maxLengthBytes
  }

  createEntry(message: Message): Entry {
    const expiresAt = Date.now() + Math.min(this.policy.timeToLive, message.timeToLive)
    return { message, expiresAt, deliveries: 0 }
  }

  enqueue(entry: Entry): void {
    this.#ready.push(entry)
    this.pump()
    this.#dropOverflow()
  }

  /** What becomes of a message that came while the queue {@link refuses}. */
  turnAway(message: Message): void {
    if (this.policy.overflow === 'reject-publish-dlx') this.#sendDeadLetter(message, 'maxlen')
  }

  /** Takes an entry from the log at start; {@link resume} follows when all queues have theirs. */
  restore(entry: Entry): void {
    if (this.#isExhausted(entry)) this.#stranded.push({ entry, reason: 'delivery_limit' })
    else this.#ready.push(entry)
  }

  resume(): void {
    this.#retryStranded()
    this.#dropExpired()
  }

  /** The message that `basic.get` fetches. */
  take(): Entry | undefined {
    this.#dropExpired()
    const entry = this.#ready.shift()
    if (entry) this.#countDelivery(entry)
    this.#watchExpiry()
    return entry
  }

  /** Gives ready messages to consumers in turn while there are both. */
  pump(): void {
    while (this.#ready.length > 0 && !this.#closed) {
      const consumer = this.#nextConsumer()
      if (!consumer) break
      const entry = this.#ready.shift() as Entry
      if (entry.expiresAt < Date.now()) {
        this.#discard(entry, 'expired')
        continue
      }
      this.#countDelivery(entry)
      consumer.recipient.deliver(consumer, entry)
    }
    this.#watchExpiry()
  }

  /** Forgets an entry for good. */
  settle({ message }: Entry): void {
    if (this.isDurable(message)) {
      this.#host.record({ kind: 'settled', queue: this.definition.id, sequence: message.sequence })
    }
  }

  reject(entry: Entry): void {
    if (!this.#closed) this.#discard(entry, 'rejected')
  }

  /** Puts entries back in their old places, or away when their deliveries are used up; {@link pump} is the caller's. */
  requeue(entry: Entry): void {
    if (this.#closed) return
    if (this.#isExhausted(entry)) this.#discard(entry, 'delivery_limit')
    else this.#ready.putBack(entry)
  }

  /** @returns how many messages there were. */
  purge(): number {
    const count = this.#ready.length
    for (let entry = this.#ready.shift(); entry; entry = this.#ready.shift()) this.settle(entry)
    return count
  }

  addConsumer(options: ConsumerOptions, recipient: Recipient): Consumer {
    const consumer = new Consumer(options, this, recipient)
    this.#consumers.push(consumer)
    return consumer
  }

  removeConsumer(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter(other => other !== consumer)
    if (this.#consumers.length === 0 && this.definition.autoDelete && !this.#closed) this.#host.queueUnused(this)
  }

  /** Ends the queue and tells its consumers; the host has taken the queue out of its tables. */
  delete(): void {
    this.close()
    for (const consumer of this.#consumers) consumer.recipient.consumerCancelled(consumer)
    this.#consumers = []
  }

  /** Stops all that moves messages; what is durable is in the log. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#expiryTimer)
    clearTimeout(this.#strandedTimer)
  }

  /** The content header that goes with a delivery: quorum queues say how often a message came back. */
  headerOf({ message, deliveries }: Entry): Buffer {
    const returns = deliveries - 1
    return this.policy.type === 'quorum' && returns > 0 ? withDeliveryCount(message, returns) : message.header
  }

  isDurable(message: Message): boolean {
    return message.persistent && this.definition.durable
  }

  #isExhausted(entry: Entry): boolean {
    return entry.deliveries > this.policy.deliveryLimit
  }

  #nextConsumer(): Consumer | undefined {
    for (let step = 0; step < this.#consumers.length; step++) {
      const index = (this.#nextTurn + step) % this.#consumers.length
      const consumer = this.#consumers[index]
      if (!consumer?.ready) continue
      this.#nextTurn = index + 1
      return consumer
    }
    return undefined
  }

  #countDelivery(entry: Entry): void {
    const { message } = entry
    entry.deliveries += 1
    if (!this.isDurable(message)) return
    const { sequence } = message
    this.#host.record({ kind: 'delivered', queue: this.definition.id, sequence, deliveries: entry.deliveries })
  }

  #dropOverflow(): void {
    const { maxLength, maxLengthBytes, overflow } = this.policy
    while (overflow === 'drop-head' && (this.#ready.length > maxLength || this.#ready.bytes > maxLengthBytes)) {
      this.#discard(this.#ready.shift() as Entry, 'maxlen')
    }
  }

  /** The entry leaves as a dead letter where the queue has an address for those, else for nowhere. */
  #discard(entry: Entry, reason: DeathReason): void {
    if (this.#sendDeadLetter(entry.message, reason)) return this.settle(entry)
    this.#stranded.push({ entry, reason })
    this.#strandedTimer ??= setTimeout(() => this.#retryStranded(), strandedRetryDelay)
  }

  #sendDeadLetter(message: Message, reason: DeathReason): boolean {
    const policy = this.policy.deadLetter
    if (!policy) return true
    const letter = deadLetter(message, this.definition, policy, reason, this.#host.nextSequence())
    return this.#host.publishDeadLetter(letter, reason) || !policy.atLeastOnce
  }

  #retryStranded(): void {
    this.#strandedTimer = undefined
    for (const { entry, reason } of this.#stranded.splice(0)) this.#discard(entry, reason)
  }

  // Like RabbitMQ only from the head: a message behind one that lives longer waits for it.
  #dropExpired(): void {
    const now = Date.now()
    for (let dropped = 0; dropped < expiryBatch; dropped++) {
      const head = this.#ready.peek()
      if (!head || head.expiresAt > now) break
      this.#discard(this.#ready.shift() as Entry, 'expired')
    }
    this.#watchExpiry()
  }

  #watchExpiry(): void {
    const at = this.#ready.peek()?.expiresAt ?? Number.POSITIVE_INFINITY
    if (at >= this.#expiryTimerAt || this.#closed) return
    clearTimeout(this.#expiryTimer)
    this.#expiryTimerAt = at
    this.#expiryTimer = setTimeout(() => this.#onExpiryTimer(), Math.min(Math.max(0, at - Date.now()), longestTimer))
  }

  #onExpiryTimer(): void {
    this.#expiryTimerAt = Number.POSITIVE_INFINITY
    this.#dropExpired()
  }
}
