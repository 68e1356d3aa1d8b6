import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { openMailServer } from './delivery/mail-server.ts'
import { getNotification } from './features/get-notification.ts'
import { listNotifications } from './features/list-notifications.ts'
import { onCustomerEvent } from './features/on-customer-event.ts'
import { onNotificationsEmail } from './features/on-notifications-email.ts'
import { onNotificationsSms } from './features/on-notifications-sms.ts'
import { onSnapshotRequested } from './features/on-snapshot-requested.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { requestEmail } from './features/request-email.ts'
import { requestSms } from './features/request-sms.ts'

const workers = [...onNotificationsEmail, ...onNotificationsSms]

export const service = defineService<Config>({
  name: 'notifications',
  summary: 'Tells customers what happened to their orders, by e-mail and text message, once.',
  port: 3337,
  paths: ['/notifications'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openMailServer],
  routes: [requestEmail, requestSms, listNotifications, getNotification],
  consumers: [onCustomerEvent, onUserDeleted, onSnapshotRequested, ...workers],
})

/** The same without those who send: the service with `NOTIFICATION_WORKERS=false`. */
export const office = defineService<Config>({
  ...service,
  startup: [],
  consumers: service.consumers.filter(consumer => !workers.includes(consumer)),
})

/** The same without its HTTP interface: `npm run worker`. As many as there are share the queues. */
export const worker = defineService<Config>({ ...service, port: 3347, paths: [], routes: [] })
