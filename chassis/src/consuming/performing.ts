import type { PerformingConsumer } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import { findErased, subjectOf } from '../erasing/personal-data.ts'
import { claimMessages, clearSuspect, forgetMessage, wasHandled } from './inbox.ts'
import type { MessageLocks } from './message-locks.ts'
import type { Received, Resources, Transaction } from '../service.ts'
import { within } from '../time-limit.ts'
import { inTrace } from '../telemetry/trace.ts'
import { traced } from '../telemetry/tracer.ts'
import {
  causedBy,
  fieldsOf,
  persistently,
  readable,
  startHandlingSpan,
  type Handled,
  type HandlingContext,
} from './transactional.ts'

export interface PerformingContext extends HandlingContext {
  readonly locks: MessageLocks
  /** Aborts when the process gives up what is still running. */
  readonly halted: AbortSignal
}

/**
 * Claims, acts and settles one message, while nobody else works on it. What was acted upon is settled even if the broker
 * is lost meanwhile; a crash before `settle` repeats `act`, whose effect must be recognisable by a stable id.
 * @throws what one of the three steps threw.
 */
export async function performOne(
  consumer: PerformingConsumer,
  delivery: Delivery,
  context: PerformingContext,
): Promise<Handled> {
  const span = startHandlingSpan(delivery, context)
  const message = { ...delivery.message, trace: span.context }
  const key = `${context.queue} ${message.id}`
  try {
    const fresh = await inTrace(span.context, fieldsOf(delivery), () =>
      context.locks.hold(key, context.signal, () => claimActSettle(consumer, { delivery, message }, context)),
    )
    span.end()
    return { delivery, fresh, trace: span.context }
  } catch (error) {
    span.end(error)
    throw error
  }
}

interface Work {
  readonly delivery: Delivery
  /** The message, whose trace goes on from the span of its handling. */
  readonly message: Received
}

async function claimActSettle(consumer: PerformingConsumer, work: Work, context: PerformingContext): Promise<boolean> {
  const claimed = await claim(consumer, work, context)
  if (claimed === 'handled before') return false
  if (claimed === 'nothing to do') return true
  const { job } = claimed
  const { queue, resources, reachable, halted } = context
  const { act, settle } = consumer.performance
  const { message, delivery } = work
  const limit = resources.config.HANDLER_TIMEOUT
  const result = await traced(`act ${consumer.name}`, context.tracer, () =>
    within(limit, signal => act(job, resources as Resources<never>, signal)),
  )
  await persistently({ reachable, signal: halted }, () =>
    resources.transact(async tx => {
      const fresh = await claimMessages(tx.query, queue, [message.id])
      const settling = () => settle(job, result, causedBy(message, tx), resources as Resources<never>)
      if (fresh.size > 0) await within(limit, settling)
      if (delivery.suspect) await clearSuspect(tx.query, queue, message.id)
    }),
  )
  return true
}

type Claimed = { readonly job: unknown } | 'nothing to do' | 'handled before'

function claim(consumer: PerformingConsumer, work: Work, context: PerformingContext): Promise<Claimed> {
  const { queue, resources } = context
  const { message, delivery } = work
  return persistently(context, () =>
    resources.transact(async tx => {
      const known = await wasHandled(tx.query, queue, message.id)
      const job = known ? undefined : await claimJob(consumer, work, tx, resources)
      if (job !== undefined) {
        if (consumer.performance.giveUp) await forgetMessage(tx.query, givenUp(queue), message.id)
        return { job }
      }
      if (delivery.suspect) await clearSuspect(tx.query, queue, message.id)
      if (known) return 'handled before'
      await claimMessages(tx.query, queue, [message.id])
      return 'nothing to do'
    }),
  )
}

async function claimJob({ performance }: PerformingConsumer, work: Work, tx: Transaction, resources: Resources) {
  const message = await readableIn(tx, work)
  return within(resources.config.HANDLER_TIMEOUT, () =>
    performance.claim(message, causedBy(message, tx), resources as Resources<never>),
  )
}

async function readableIn(tx: Transaction, work: Work): Promise<Received> {
  const subject = subjectOf(work.delivery.contract, work.message.data)
  return readable(work, await findErased(tx.query, [subject]))
}

// Beside the inbox mark of the queue, which would keep a replay from doing it after all.
const givenUp = (queue: string) => `${queue} given up`

/** Runs the consumer's `giveUp`, if it has one, once for each time that the message was claimed. @throws what it threw. */
export async function giveUpOne(
  consumer: PerformingConsumer,
  delivery: Delivery,
  error: unknown,
  context: PerformingContext,
): Promise<void> {
  const { queue, resources, locks, signal } = context
  const { message } = delivery
  if (!consumer.performance.giveUp) return
  const work = () =>
    resources.transact(async tx => {
      // A copy may have been settled meanwhile.
      if (await wasHandled(tx.query, queue, message.id)) return
      const fresh = await claimMessages(tx.query, givenUp(queue), [message.id])
      if (fresh.size > 0) await noteGivenUp(consumer, { delivery, message }, error, tx, resources)
    })
  await inTrace(message.trace, fieldsOf(delivery), () =>
    locks.hold(`${queue} ${message.id}`, signal, () => persistently(context, work)),
  )
}

async function noteGivenUp(
  { performance }: PerformingConsumer,
  work: Work,
  error: unknown,
  tx: Transaction,
  resources: Resources,
): Promise<void> {
  const message = await readableIn(tx, work)
  await within(resources.config.HANDLER_TIMEOUT, async () =>
    performance.giveUp?.(message, error, causedBy(message, tx), resources as Resources<never>),
  )
}
