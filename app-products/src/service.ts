import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'

export const service = defineService<Config>({
  name: 'products',
  summary: 'The catalogue and its stock: sets aside all that an order needs, or nothing.',
  port: 3336,
  paths: ['/products'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [],
  consumers: [],
})
