import { duration, flag, type ConfigOf } from '@feira/chassis'

export const config = {
  WEBHOOK_TIMEOUT: duration()
    .refine(milliseconds => milliseconds >= 1 && milliseconds <= 30_000, 'must be from 1ms to 30s')
    .default(10_000)
    .describe('how long a partner may take to answer a webhook, its address and connection included'),
  WEBHOOK_PRIVATE_TARGETS: flag()
    .default(true)
    .meta({ developmentDefault: true })
    .describe('true: webhooks may go to this machine and to private networks; false is for production'),
}

export type Config = ConfigOf<typeof config>
