import { notificationsSms } from '@feira/contracts/notifications'
import { workersOf } from '../delivery/delivery.ts'
import { smsProviderOf } from '../delivery/sms-provider.ts'

/** `notifications.sms` → a text message → `notification.sent`, or `notification.failed`. */
export const onNotificationsSms = workersOf({
  message: notificationsSms,
  queue: 'sms-workers',
  urgentQueue: 'sms-workers-high',
  maxInFlight: 10,
  retryDelays: [1_000, 4_000, 16_000, 60_000, 300_000],

  orderOf({ data }) {
    const { notificationId: id, userId, orderId, phone, text, priority } = data
    return { id, channel: 'sms', priority, userId, orderId, recipient: phone, subject: null, text, html: null }
  },

  async send({ id, recipient, text }, resources) {
    await smsProviderOf(resources)({ notificationId: id, phone: recipient ?? '', text: text ?? '' })
    return 'sent'
  },
})
