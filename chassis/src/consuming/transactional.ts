import { setTimeout as sleep } from 'node:timers/promises'
import { messageSpan } from '../broker/message-span.ts'
import type { TransactionalConsumer } from './consumer.ts'
import { isConflict, isConnectionLost } from '../database/database-errors.ts'
import type { Delivery } from './delivery.ts'
import { findErased, subjectOf, withoutPersonal } from '../erasing/personal-data.ts'
import { claimMessages, clearSuspect } from './inbox.ts'
import type { Received, Resources, Transaction } from '../service.ts'
import { within } from '../time-limit.ts'
import { inTrace, unrecordedTrace, type TraceContext } from '../telemetry/trace.ts'
import type { Span, Tracer } from '../telemetry/tracer.ts'

export interface HandlingContext {
  /** The consumer's queue; its name in the inbox too. */
  readonly queue: string
  readonly resources: Resources
  readonly tracer: Tracer
  /** Whether the database answers now. */
  readonly reachable: () => Promise<boolean>
  /** Aborts when the channel that the messages came by is gone. */
  readonly signal: AbortSignal
}

/** A message that was handled, now or before. */
export interface Handled {
  readonly delivery: Delivery
  readonly fresh: boolean
  /** Of its handling. */
  readonly trace: TraceContext
}

/**
 * Handles messages in one transaction: inbox rows, effects and publications commit together. Lost races and lost
 * connections repeat it.
 * @throws what the handler threw; then nothing was done.
 */
export async function handleTogether(
  consumer: TransactionalConsumer,
  deliveries: readonly Delivery[],
  context: HandlingContext,
): Promise<Handled[]> {
  const work = deliveries.toSorted(byAggregate).map(delivery => traced(delivery, context))
  try {
    const fresh = await persistently(context, () => inOneTransaction(consumer, work, context))
    for (const { span } of work) span.end()
    return work.map(({ delivery, message: { trace } }) => ({ delivery, fresh: fresh.has(delivery), trace }))
  } catch (error) {
    // Of a batch nobody knows whose fault it was; each message is tried alone next, with another span.
    if (work.length === 1) work[0]?.span.end(error)
    throw error
  }
}

interface Work {
  readonly delivery: Delivery
  /** The message, whose trace goes on from the span of its handling. */
  readonly message: Received
  readonly span: Span
}

// Replicas that lock the same rows must do so in the same order.
function byAggregate(a: Delivery, b: Delivery): number {
  return a.aggregateId < b.aggregateId ? -1 : a.aggregateId > b.aggregateId ? 1 : 0
}

function traced(delivery: Delivery, context: HandlingContext): Work {
  const span = startHandlingSpan(delivery, context)
  return { delivery, span, message: { ...delivery.message, trace: span.context } }
}

/** The span of handling one message. */
export function startHandlingSpan(delivery: Delivery, { queue, resources, tracer }: HandlingContext): Span {
  const { raw, message, attempt } = delivery
  const { type: name, trace: parent } = message
  if (!parent.sampled) return tracer.start(name, { kind: 'consumer', parent })
  const span = messageSpan('process', {
    brokerUrl: resources.config.BROKER_URL,
    exchange: raw.fields.exchange,
    routingKey: raw.fields.routingKey,
    queue,
    messageId: message.id,
    correlationId: message.correlationId,
    bodySize: raw.content.length,
  })
  const { deliveryTag } = raw.fields
  const attributes = { ...span.attributes, 'rabbitmq.message.delivery_tag': deliveryTag, 'feira.attempt': attempt }
  return tracer.start(span.name, { kind: 'consumer', parent, attributes })
}

async function inOneTransaction(consumer: TransactionalConsumer, work: readonly Work[], context: HandlingContext) {
  const { queue, resources } = context
  const ids = work.map(({ message }) => message.id)
  const run = () =>
    resources.transact(async tx => {
      // Both travel together.
      const [fresh, erased] = await Promise.all([
        claimMessages(tx.query, queue, ids),
        findErased(tx.query, work.map(subjectOfWork)),
      ])
      const todo = firstOfEach(work, fresh).map(item => ({ ...item, message: readable(item, erased) }))
      await handleAll(consumer, todo, tx, resources)
      for (const { delivery, message } of work) if (delivery.suspect) await clearSuspect(tx.query, queue, message.id)
      return new Set(todo.map(({ delivery }) => delivery))
    })
  const [first, second] = work
  if (first && !second) return inTrace(first.span.context, fieldsOf(first.delivery), run)
  // A transaction for many messages belongs to none of their traces, and a trace of its own would tell nobody anything.
  return inTrace(unrecordedTrace(), {}, run)
}

const subjectOfWork = ({ delivery }: Work) => subjectOf(delivery.contract, delivery.message.data)

/** The message as a handler may see it: of somebody who was erased, without the personal fields. */
export function readable({ delivery, message }: Omit<Work, 'span'>, erased: ReadonlySet<string>): Received {
  const { contract } = delivery
  const subject = subjectOf(contract, message.data)
  if (subject === null || !erased.has(subject)) return message
  return { ...message, data: withoutPersonal(message.data as object, contract.personal?.fields ?? []) }
}

function firstOfEach(work: readonly Work[], fresh: ReadonlySet<string>): Work[] {
  const seen = new Set<string>()
  return work.filter(({ message }) => fresh.has(message.id) && !seen.has(message.id) && seen.add(message.id))
}

/**
 * One limit for all of them: a transaction that many messages make long holds its locks long, and erasure relies on none
 * lasting minutes. Those that need more time together are handled one by one, each with the whole limit.
 */
async function handleAll(consumer: TransactionalConsumer, todo: Work[], tx: Transaction, resources: Resources) {
  if (todo.length === 0) return
  await within(resources.config.HANDLER_TIMEOUT, async signal => {
    if (consumer.kind === 'batch') return handle(consumer, todo, tx, resources)
    for (const item of todo) {
      signal.throwIfAborted()
      const { span, delivery, message } = item
      const handling = () => handle(consumer, [item], causedBy(message, tx), resources)
      await inTrace(span.context, fieldsOf(delivery), handling)
    }
  })
}

function handle(consumer: TransactionalConsumer, work: Work[], tx: Transaction, resources: Resources): Promise<void> {
  const messages = work.map(({ message }) => message)
  return consumer.handle(messages, tx, resources as Resources<never>)
}

/** The transaction, whose publications answer `message` unless they say otherwise. */
export function causedBy(message: Received, tx: Transaction): Transaction {
  return {
    get db() {
      return tx.db
    },
    query: tx.query,
    publish: (contract, payload, options) => tx.publish(contract, payload, { cause: message, ...options }),
    invalidate: tx.invalidate,
    afterCommit: tx.afterCommit,
  }
}

/** What log lines about a message carry. */
export function fieldsOf({ message, contract, aggregateId }: Delivery) {
  return {
    messageId: message.id,
    eventType: contract.type,
    [`${contract.aggregate.type}Id`]: aggregateId,
    ...(message.correlationId ? { correlationId: message.correlationId } : {}),
  }
}

/** Runs `work` until it neither loses a race nor the database; other failures are thrown. */
export async function persistently<Result>(
  { reachable, signal }: Pick<HandlingContext, 'reachable' | 'signal'>,
  work: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      const lost = isConnectionLost(error)
      if (!lost && !isConflict(error)) throw error
      // A handler that calls something else which refuses connections looks the same; it must not repeat for ever.
      if (attempt > 3 && (!lost || (await reachable()))) throw error
      await sleep(Math.min(50 * 2 ** attempt, 2_000) * (0.5 + Math.random()), undefined, { signal })
    }
  }
}
