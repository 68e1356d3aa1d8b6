import { consumeBatch, isConflict, type Received, type Resources, type Transaction } from '@feira/chassis'
import { partnersEvent } from '@feira/contracts/partners'
import { attemptEvents } from '../advancing/attempt-events.ts'
import { leadEvents, lockEvents } from '../advancing/lead-events.ts'
import type { Config } from '../config.ts'
import { internalError } from '../domain/pipeline.ts'

type Work = Received<typeof partnersEvent>

/**
 * `partners.event` → `partner.sale`, `partner.return` or `partner.stock-update`. What fails fails alone, and is noted in
 * the event's history; the job `lead-on-due-events` then begins its next attempt. Only what cannot be noted is repeated
 * by the queue.
 */
export const onPartnersEvent = consumeBatch<typeof partnersEvent, Config>(
  'on-partners-event',
  partnersEvent,
  async (messages, tx, resources) => {
    const [only, ...others] = messages
    if (only && others.length === 0) await attemptAlone(only, tx, resources)
    else await attemptEvents(tx, messages, resources)
  },
  { retryDelays: [1_000, 4_000, 16_000] },
)

// The failure is to be written by the transaction that failed, so its work is undone as far as the savepoint.
async function attemptAlone(message: Work, tx: Transaction, resources: Resources<Config>): Promise<void> {
  await tx.query({ text: 'savepoint attempt' })
  try {
    await attemptEvents(tx, [message], resources)
  } catch (error) {
    if (isConflict(error)) throw error
    await tx.query({ text: 'rollback to savepoint attempt' })
    resources.log.error({ err: error, ...message.data }, 'the attempt failed')
    await noteFailure(message, tx, resources)
  }
}

async function noteFailure(message: Work, tx: Transaction, resources: Resources<Config>): Promise<void> {
  const { eventId } = message.data
  const signal = { type: 'fail', passed: [], reason: internalError } as const
  await leadEvents(tx, await lockEvents(tx, [eventId]), [{ eventId, signal, cause: message }], resources)
}
