import { duration, type ConfigOf } from '@feira/chassis'

export const config = {
  REBUILD_TIMEOUT: duration()
    .default(600_000)
    .describe('after how long without an answer a rebuild of the model is given up'),
}

export type Config = ConfigOf<typeof config>
