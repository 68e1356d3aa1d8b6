import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'

export const service = defineService<Config>({
  name: 'notifications',
  summary: 'Tells customers what happened to their orders, by e-mail and text message, once.',
  port: 3337,
  paths: ['/notifications'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [],
  consumers: [],
})
