import type { ConfigOf } from '@feira/chassis'

export const config = {}

export type Config = ConfigOf<typeof config>
