import type { ConfigOf } from '@feira/chassis'

/** Nothing yet beside what every service reads (see chassis/src/config.ts). */
export const config = {}

export type Config = ConfigOf<typeof config>
