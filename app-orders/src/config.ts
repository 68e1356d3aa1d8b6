import { duration, type ConfigOf } from '@feira/chassis'

export const config = {
  ORDER_PAYMENT_DEADLINE: duration()
    .default(24 * 3_600_000)
    .describe('how long an order waits for its payment before it is cancelled'),
}

export type Config = ConfigOf<typeof config>
