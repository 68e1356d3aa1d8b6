import { consumeBatch, type Received } from '@feira/chassis'
import { notificationSent } from '@feira/contracts/notifications'
import { evict, tagsOfOrders } from '../projecting/evict.ts'
import { holdModels } from '../projecting/models.ts'
import { keepNotifications, notificationEvents, toNotificationRow } from '../projecting/notification-row.ts'
import { appendToTimeline, type Happening } from '../projecting/timeline.ts'

type NotificationEvent = Received<(typeof notificationEvents)[number]>

/** A notification was sent or given up → the notification, and the timeline of the order that it is about, if any. */
export const onNotificationEvent = consumeBatch('on-notification-event', notificationEvents, async (messages, tx) => {
  const { models } = await holdModels(tx)
  await keepNotifications(tx, models, messages.map(toNotificationRow))
  evict(tx, tagsOfOrders(messages.flatMap(({ data }) => data.orderId ?? [])))
  await appendToTimeline(tx, notificationSent.owner, messages.flatMap(toHappening))
})

function toHappening(message: NotificationEvent): Happening[] {
  const { orderId, userId, version } = message.data
  return orderId === null ? [] : [{ message, orderId, userId, version, note: noteOn(message) }]
}

/** E.g. `email order-created`, `sms: attempts-exhausted`. */
function noteOn({ type, data }: NotificationEvent): string {
  const what = [data.channel, ...(data.template === null ? [] : [data.template])].join(' ')
  return type === 'notification.failed' ? `${what}: ${data.reason}` : what
}
