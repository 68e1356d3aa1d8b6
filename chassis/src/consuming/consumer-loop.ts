import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { BaseConfig } from '../config.ts'
import type { Consumer, PerformingConsumer, TransactionalConsumer } from './consumer.ts'
import { crashPoint } from '../crash-point.ts'
import { attemptOf, headersOf, isSuspect, readDelivery, textOf, typeOf, type Delivery } from './delivery.ts'
import { describe, judge, passOn, type Verdict } from './failure.ts'
import { clearSuspect, noteSuspect, suspectLimit } from './inbox.ts'
import type { MessageLocks } from './message-locks.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { giveUpOne, performOne, type PerformingContext } from './performing.ts'
import type { Publisher } from '../publishing/publisher.ts'
import type { Resources } from '../service.ts'
import { queueNames, type QueueNames } from '../broker/topology.ts'
import { inTrace, readTraceHeaders, unrecordedTrace } from '../telemetry/trace.ts'
import type { Tracer } from '../telemetry/tracer.ts'
import { fieldsOf, handleTogether, persistently, type Handled } from './transactional.ts'

export interface LoopOptions {
  readonly service: string
  readonly config: BaseConfig
  readonly resources: Resources
  readonly publisher: Publisher
  readonly tracer: Tracer
  readonly metrics: Metrics
  readonly locks: MessageLocks
  /** Whether the database answers now. */
  readonly reachable: () => Promise<boolean>
  /** Aborts when the process gives up what is still running. */
  readonly halted: AbortSignal
  /** The channel can no longer be used; everything on its connection has to be opened again. */
  readonly onBroken: (reason: string) => void
}

/** Messages that one process may hold unanswered per consumer, and how many of them share a transaction. */
const prefetch = 400
const batchSize = 200
/**
 * Milliseconds from the beginning of one batch to that of the next. A transaction costs much the same for one message as
 * for ten, so under load it is worth waiting for some; a message that comes after a pause waits for nothing.
 */
const minPause = 10

/**
 * One consumer on one channel: takes what has arrived, handles it, answers the broker. After a reconnect another loop
 * takes its place, and the messages that this one had not answered come again.
 */
export class ConsumerLoop {
  readonly #consumer: Consumer
  readonly #channel: Channel
  readonly #options: LoopOptions
  readonly #queues: QueueNames
  readonly #context: PerformingContext
  readonly #gone = new AbortController()
  readonly #waiting: ConsumeMessage[] = []
  readonly #running = new Set<Promise<void>>()
  #draining = false
  /** When the next batch may begin, by `performance.now()`. */
  #nextAt = 0
  #tag = ''

  constructor(consumer: Consumer, channel: Channel, options: LoopOptions) {
    const { service, config, resources, tracer, locks, reachable, halted } = options
    this.#consumer = consumer
    this.#channel = channel
    this.#options = options
    this.#queues = queueNames(service, consumer, config)
    const signal = this.#gone.signal
    this.#context = { queue: this.#queues.main, resources, tracer, locks, reachable, halted, signal }
  }

  async start(): Promise<void> {
    await this.#channel.prefetch(this.#consumer.kind === 'perform' ? this.#consumer.maxInFlight : prefetch)
    const { consumerTag } = await this.#channel.consume(this.#queues.main, raw => this.#receive(raw))
    this.#tag = consumerTag
  }

  /** The channel is gone: whatever still runs must not wait for it. */
  abandon(): void {
    this.#waiting.length = 0
    this.#gone.abort(new Error('the channel is gone'))
  }

  /** Resolves when nothing runs any more; never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  /** Takes no more messages, finishes those at hand and sees their acknowledgements through. */
  async finish(): Promise<void> {
    await this.#answered(() => this.#channel.cancel(this.#tag))
    await this.settled()
    // Its answer comes after the broker has read the acknowledgements; closing the connection would overtake them.
    await this.#answered(() => this.#channel.close())
  }

  /** Waits for what the broker answers, which on a channel that is gone it never does. */
  async #answered(call: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#gone
    if (signal.aborted) return
    const gone = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    await Promise.race([call(), gone]).catch(() => {})
  }

  #receive(raw: ConsumeMessage | null): void {
    // A null message says that the broker ended the consumer, because the queue was deleted.
    if (raw === null) this.#options.onBroken(`queue ${this.#queues.main} was deleted`)
    else if (this.#consumer.kind === 'perform') this.#track(this.#performAlone(this.#consumer, raw))
    else this.#enqueue(this.#consumer, raw)
  }

  #enqueue(consumer: TransactionalConsumer, raw: ConsumeMessage): void {
    this.#waiting.push(raw)
    if (this.#draining) return
    this.#draining = true
    this.#track(this.#drain(consumer).finally(() => (this.#draining = false)))
  }

  #track(work: Promise<void>): void {
    const running = work.catch(error => {
      if (!this.#gone.signal.aborted) this.#options.onBroken(describe(error))
    })
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  async #drain(consumer: TransactionalConsumer): Promise<void> {
    // What the socket delivered in one piece is handled in one transaction, so let all of it arrive first.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < batchSize) await this.#pace()
      const batch = this.#nextBatch()
      await this.#handle(consumer, batch)
      this.#ack(batch.at(-1), true)
    }
  }

  async #pace(): Promise<void> {
    const early = this.#nextAt - performance.now()
    if (early > 0) await sleep(early)
    this.#nextAt = performance.now() + minPause
  }

  #nextBatch(): ConsumeMessage[] {
    const suspect = this.#waiting.findIndex(isSuspect)
    const end = suspect === 0 ? 1 : suspect === -1 ? batchSize : Math.min(suspect, batchSize)
    return this.#waiting.splice(0, end)
  }

  async #handle(consumer: TransactionalConsumer, batch: readonly ConsumeMessage[]): Promise<void> {
    const deliveries: Delivery[] = []
    for (const raw of batch) {
      const delivery = await this.#admit(raw)
      if (delivery) deliveries.push(delivery)
    }
    if (deliveries.length > 0) await this.#attempt(consumer, deliveries)
  }

  /** Validates a message; one that is malformed, or has killed its process too often, is parked here. */
  async #admit(raw: ConsumeMessage): Promise<Delivery | undefined> {
    let delivery: Delivery
    try {
      delivery = readDelivery(this.#consumer, raw)
    } catch (error) {
      await this.#park(raw, judge(error, attemptOf(raw), this.#queues), error)
      return undefined
    }
    const deliveries = delivery.suspect ? await this.#deliveries(delivery) : 0
    if (deliveries <= suspectLimit) return delivery
    const error = new Error(`delivered more than ${suspectLimit} times, never answered`)
    // Giving up may be what kills the process.
    if (deliveries <= 2 * suspectLimit) await this.#giveUp(delivery, error)
    await this.#dismiss(delivery, { kind: 'dead', reason: 'kills-its-process' }, error)
    return undefined
  }

  #deliveries({ message }: Delivery): Promise<number> {
    const { query } = this.#options.resources
    return persistently(this.#context, () => noteSuspect(query, this.#queues.main, message.id))
  }

  async #attempt(consumer: TransactionalConsumer, deliveries: readonly Delivery[]): Promise<void> {
    const startedAt = performance.now()
    try {
      const handled = await handleTogether(consumer, deliveries, this.#context)
      const share = (performance.now() - startedAt) / deliveries.length
      for (const each of handled) this.#report(each, share)
    } catch (error) {
      this.#gone.signal.throwIfAborted()
      const [only, ...others] = deliveries
      // One bad message must not cost its neighbours more than a transaction of their own.
      if (others.length > 0) for (const each of deliveries) await this.#attempt(consumer, [each])
      else if (only) await this.#dismiss(only, judge(error, only.attempt, this.#queues), error)
    }
  }

  async #performAlone(consumer: PerformingConsumer, raw: ConsumeMessage): Promise<void> {
    const delivery = await this.#admit(raw)
    if (delivery) {
      const startedAt = performance.now()
      try {
        const handled = await performOne(consumer, delivery, this.#context)
        this.#report(handled, performance.now() - startedAt)
      } catch (error) {
        this.#gone.signal.throwIfAborted()
        const verdict = judge(error, delivery.attempt, this.#queues)
        if (verdict.kind === 'dead') await this.#giveUp(delivery, error)
        await this.#dismiss(delivery, verdict, error)
      }
    }
    this.#ack(raw, false)
  }

  /** Runs the consumer's own step for it; the message is parked whatever becomes of that. */
  async #giveUp(delivery: Delivery, error: unknown): Promise<void> {
    if (this.#consumer.kind !== 'perform') return
    await giveUpOne(this.#consumer, delivery, error, this.#context).catch((problem: unknown) => {
      this.#gone.signal.throwIfAborted()
      const fields = { queue: this.#queues.main, messageId: delivery.message.id, err: problem }
      this.#options.resources.log.error(fields, 'giving up failed; the message is parked all the same')
    })
  }

  async #dismiss({ raw, message, suspect }: Delivery, verdict: Verdict, error: unknown): Promise<void> {
    await this.#park(raw, verdict, error)
    if (suspect) await clearSuspect(this.#options.resources.query, this.#queues.main, message.id).catch(() => {})
  }

  async #park(raw: ConsumeMessage, verdict: Verdict, error: unknown): Promise<void> {
    const { publisher, metrics, resources } = this.#options
    await passOn(publisher, raw, this.#queues, { verdict, error, signal: this.#gone.signal })
    metrics.handled(this.#queues.name, verdict.kind === 'retry' ? 'retried' : 'dead', 0)
    const fields = {
      queue: this.#queues.main,
      messageId: textOf(raw.properties.messageId),
      eventType: typeOf(raw),
      attempt: attemptOf(raw),
      err: error,
    }
    inTrace(readTraceHeaders(headersOf(raw)) ?? unrecordedTrace(), {}, () => {
      if (verdict.kind === 'dead') resources.log.error({ ...fields, reason: verdict.reason }, 'message is dead')
      else resources.log.warn(fields, 'handler failed; the message is tried again after a pause')
    })
  }

  #report({ delivery, fresh, trace }: Handled, milliseconds: number): void {
    this.#options.metrics.handled(this.#queues.name, fresh ? 'handled' : 'duplicate', milliseconds / 1_000)
    const { log } = this.#options.resources
    if (!log.isLevelEnabled('info')) return
    const processingTime = Math.round(milliseconds * 100) / 100
    inTrace(trace, fieldsOf(delivery), () =>
      log.info({ queue: this.#queues.main, processingTime }, fresh ? 'handled' : 'seen before'),
    )
  }

  #ack(raw: ConsumeMessage | undefined, allUpTo: boolean): void {
    if (!raw || this.#gone.signal.aborted) return
    crashPoint('before-ack', this.#options.config.CRASH_AT)
    try {
      this.#channel.ack(raw, allUpTo)
    } catch {
      // The channel closed in this moment: the message comes again and the inbox recognises it.
    }
  }
}
