import { perform, type Resources } from '@feira/chassis'
import { partnersWebhook } from '@feira/contracts/partners'
import type { Config } from '../config.ts'
import {
  beginAttempt,
  endAttempt,
  noteDelivered,
  noteFailed,
  readJob,
  type Ended,
  type Job,
} from '../webhooks/delivery-log.ts'
import { WebhookFailure } from '../webhooks/failure.ts'
import { senderOf } from '../webhooks/sender.ts'

type Partners = Resources<Config>

/**
 * `partners.webhook` → a signed POST to the partner, noted in the delivery log attempt by attempt.
 *
 * Eight attempts in about two and a half hours: the first pauses are for a restart, the last for somebody who has to be
 * called. What cannot succeed (410, a target that is not public) is not repeated.
 */
export const onPartnersWebhook = perform(
  'on-partners-webhook',
  partnersWebhook,
  {
    claim: ({ data }, tx) => readJob(tx, data.deliveryId),

    async act(job: Job, resources: Partners, signal: AbortSignal): Promise<Ended> {
      using turn = senderOf(resources).enter(job.partnerId)
      const number = await resources.transact(tx => beginAttempt(tx, job))
      const ended = { deliveryId: job.deliveryId, number }
      try {
        return { ...ended, httpStatus: await turn.post(job, signal), error: null }
      } catch (error) {
        if (!(error instanceof WebhookFailure)) throw error
        const failed = { ...ended, httpStatus: error.httpStatus, error: error.message }
        if (error.final) return failed
        await resources.transact(tx => endAttempt(tx, failed))
        throw error
      }
    },

    async settle(_job, ended, tx) {
      await endAttempt(tx, ended)
      await (ended.error === null ? noteDelivered : noteFailed)(tx, ended.deliveryId)
    },

    giveUp: ({ data }, _error, tx) => noteFailed(tx, data.deliveryId),
  },
  { maxInFlight: 200, retryDelays: [1_000, 4_000, 16_000, 60_000, 300_000, 1_800_000, 7_200_000] },
)
