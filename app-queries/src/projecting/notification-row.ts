import type { Received } from '@feira/chassis'
import { notificationFailed, notificationSent, type notificationSnapshot } from '@feira/contracts/notifications'
import { notifications } from '../schema.ts'
import { keepNewest } from './keep-newest.ts'

export const keepNotifications = keepNewest(notifications)

/** How a notification can end. */
export const notificationEvents = [notificationSent, notificationFailed] as const

type Shown = Received<(typeof notificationEvents)[number] | typeof notificationSnapshot>
type NotificationRow = typeof notifications.$inferSelect

/** The notification as a message shows it. */
export function toNotificationRow(message: Shown): NotificationRow {
  const { notificationId: id, version, orderId, userId, channel, template, recipient } = message.data
  return { id, version, orderId, userId, channel, template, recipient, ...endIn(message) }
}

function endIn({ type, data }: Shown): Pick<NotificationRow, 'status' | 'at'> {
  switch (type) {
    case 'notification.sent':
      return { status: 'sent', at: new Date(data.sentAt) }
    case 'notification.failed':
      return { status: 'failed', at: new Date(data.failedAt) }
    case 'notification.snapshot':
      return { status: data.status, at: new Date(data.at) }
  }
}
