import type { PerformingConsumer } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import { claimMessages, clearSuspect, wasHandled } from './inbox.ts'
import type { MessageLocks } from './message-locks.ts'
import type { Received, Resources } from '../service.ts'
import { inTrace } from '../telemetry/trace.ts'
import { causedBy, fieldsOf, persistently, startHandlingSpan, type HandlingContext } from './transactional.ts'

export interface PerformingContext extends HandlingContext {
  readonly locks: MessageLocks
  /** Aborts when the process gives up what is still running. */
  readonly halted: AbortSignal
}

/**
 * Claims, acts and settles one message, while nobody else works on it. What was acted upon is settled even if the broker
 * is lost meanwhile; a crash before `settle` repeats `act`, whose effect must be recognisable by a stable id.
 * @returns whether the message was new.
 * @throws what one of the three steps threw.
 */
export async function performOne(
  consumer: PerformingConsumer,
  delivery: Delivery,
  context: PerformingContext,
): Promise<boolean> {
  const span = startHandlingSpan(delivery, context.queue, context.tracer)
  const message = { ...delivery.message, trace: span.context }
  const key = `${context.queue} ${message.id}`
  try {
    const fresh = await inTrace(span.context, fieldsOf(delivery), () =>
      context.locks.hold(key, context.signal, () => claimActSettle(consumer, message, delivery.suspect, context)),
    )
    span.end()
    return fresh
  } catch (error) {
    span.end(error)
    throw error
  }
}

async function claimActSettle(
  consumer: PerformingConsumer,
  message: Received,
  suspect: boolean,
  context: PerformingContext,
): Promise<boolean> {
  const claimed = await claim(consumer, message, suspect, context)
  if (claimed === 'handled before') return false
  if (claimed === 'nothing to do') return true
  const { job } = claimed
  const { queue, resources, reachable, halted } = context
  const { act, settle } = consumer.performance
  const result = await act(job, resources as Resources<never>)
  await persistently({ reachable, signal: halted }, () =>
    resources.transact(async tx => {
      const fresh = await claimMessages(tx.query, queue, [message.id])
      if (fresh.size > 0) await settle(job, result, causedBy(message, tx), resources as Resources<never>)
      if (suspect) await clearSuspect(tx.query, queue, message.id)
    }),
  )
  return true
}

type Claimed = { readonly job: unknown } | 'nothing to do' | 'handled before'

function claim(
  consumer: PerformingConsumer,
  message: Received,
  suspect: boolean,
  context: PerformingContext,
): Promise<Claimed> {
  const { queue, resources } = context
  return persistently(context, () =>
    resources.transact(async tx => {
      const known = await wasHandled(tx.query, queue, message.id)
      const job = known
        ? undefined
        : await consumer.performance.claim(message, causedBy(message, tx), resources as Resources<never>)
      if (job !== undefined) return { job }
      if (suspect) await clearSuspect(tx.query, queue, message.id)
      if (known) return 'handled before'
      await claimMessages(tx.query, queue, [message.id])
      return 'nothing to do'
    }),
  )
}
