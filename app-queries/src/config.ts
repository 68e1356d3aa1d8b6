import { duration, type ConfigOf } from '@feira/chassis'

export const config = {
  SSE_HEARTBEAT: duration()
    // Gateways give up a connection that is silent for a minute.
    .refine(milliseconds => milliseconds >= 1 && milliseconds <= 30_000, 'must be from 1ms to 30s')
    .default(15_000)
    .describe('how often a stream of events says that it is alive'),
  REBUILD_TIMEOUT: duration()
    .default(600_000)
    .describe('after how long without an answer a rebuild of the model is given up'),
}

export type Config = ConfigOf<typeof config>
