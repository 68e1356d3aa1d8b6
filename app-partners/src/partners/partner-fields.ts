import { textLine } from '@feira/chassis'
import { z } from 'zod'
import { webhookUrl, type WebhookUrlConfig } from '../webhooks/webhook-url.ts'

export const partnerName = textLine(200)
export const partnerEmail = z.string().trim().max(254, 'must be at most 254 characters').pipe(z.email())

const limit = (max: number) => {
  const message = `must be a whole number from 1 to ${max}, or null for the limit of the service`
  return z.int(message).min(1, message).max(max, message).nullable()
}

/** What requests say of a partner. */
export const partnerFields = (config: WebhookUrlConfig) => ({
  name: partnerName,
  email: partnerEmail.nullable(),
  limitPerMinute: limit(1_000_000),
  limitPerSecond: limit(100_000),
  webhookUrl: webhookUrl(config).nullable(),
})

/** An id in a path. */
export const partnerParams = z.object({ id: z.uuid().toLowerCase() })
