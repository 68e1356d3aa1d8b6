import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'

export const service = defineService<Config>({
  name: 'queries',
  summary: 'The read model: an order and all that belongs to it in one fast read, fed by events alone.',
  port: 3338,
  paths: ['/q'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [],
  consumers: [],
})
