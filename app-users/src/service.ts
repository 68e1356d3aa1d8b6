import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'

export const service = defineService<Config>({
  name: 'users',
  summary: 'Who may sign in: registers users, issues their tokens, and erases people.',
  port: 3335,
  paths: ['/users', '/auth', '/.well-known'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [],
  consumers: [],
})
