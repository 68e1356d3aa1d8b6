import { duration, durations, flag, integer, type ConfigOf } from '@feira/chassis'

export const config = {
  PARTNER_LIMIT_PER_MINUTE: integer(1, 1_000_000)
    .default(100)
    .describe('requests per minute with one key, for partners without a limit of their own'),
  PARTNER_LIMIT_PER_SECOND: integer(1, 100_000)
    .default(10)
    .describe('requests per second with one key, for partners without a limit of their own'),
  PARTNER_ANSWER_TIMEOUT: duration()
    .default(60_000)
    .describe('how long an answer to the command that an event led to may take before the next attempt'),
  PARTNER_RETRY_DELAYS: durations()
    .default([1_000, 4_000, 16_000])
    .describe('pauses between the attempts of an event; after the last it is dead'),
  WEBHOOK_TIMEOUT: duration()
    .refine(milliseconds => milliseconds >= 1 && milliseconds <= 30_000, 'must be from 1ms to 30s')
    .default(10_000)
    .describe('how long a partner may take to answer a webhook, its address and connection included'),
  WEBHOOK_PRIVATE_TARGETS: flag()
    .default(true)
    .meta({ developmentDefault: true })
    .describe('true: webhooks may go to this machine and to private networks, in production if partners are there'),
}

export type Config = ConfigOf<typeof config>
