import type { PerformingConsumer } from './consumer.ts'
import type { Delivery } from './delivery.ts'
import { claimMessages, clearSuspect, wasHandled } from './inbox.ts'
import type { Resources } from './service.ts'
import { inTrace } from './trace.ts'
import { causedBy, fieldsOf, persistently, startHandlingSpan, type HandlingContext } from './transactional.ts'

/**
 * Claims, acts and settles one message. A crash before `settle` repeats `act`, whose effect must be recognisable by a
 * stable id; after `settle` the inbox knows the message.
 * @returns whether the message was new.
 * @throws what one of the three steps threw.
 */
export async function performOne(
  consumer: PerformingConsumer,
  delivery: Delivery,
  context: HandlingContext,
): Promise<boolean> {
  const span = startHandlingSpan(delivery, context.queue, context.tracer)
  try {
    const done = await inTrace(span.context, fieldsOf(consumer, delivery), () =>
      claimActSettle(consumer, { ...delivery, message: { ...delivery.message, trace: span.context } }, context),
    )
    span.end()
    return done
  } catch (error) {
    span.end(error)
    throw error
  }
}

const handledBefore = Symbol('handled before')

async function claimActSettle(consumer: PerformingConsumer, delivery: Delivery, context: HandlingContext) {
  const { queue } = context
  const { claim, act, settle } = consumer.performance
  const { message } = delivery
  const resources = context.resources as Resources<never>
  const job = await persistently(context, () =>
    resources.transact(async tx => {
      if (await wasHandled(tx.query, queue, message.id)) return handledBefore
      const claimed = await claim(message, causedBy(message, tx), resources)
      if (claimed === undefined) await claimMessages(tx.query, queue, [message.id])
      return claimed
    }),
  )
  if (job === handledBefore) return false
  if (job === undefined) return true
  const result = await act(job, resources)
  await persistently(context, () =>
    resources.transact(async tx => {
      const fresh = await claimMessages(tx.query, queue, [message.id])
      if (fresh.size > 0) await settle(job, result, causedBy(message, tx), resources)
      if (delivery.suspect) await clearSuspect(tx.query, queue, message.id)
    }),
  )
  return true
}
