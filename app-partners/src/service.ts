import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { listDeliveries } from './features/list-deliveries.ts'
import { onPartnersWebhook } from './features/on-partners-webhook.ts'
import { openSender } from './webhooks/sender.ts'

export const service = defineService<Config>({
  name: 'partners',
  summary: 'Takes events of partners in and leads each to its answer: done, refused with a reason, or dead.',
  port: 3339,
  paths: ['/events', '/partners'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openSender()],
  routes: [listDeliveries],
  consumers: [onPartnersWebhook],
})
