import { Rejection } from '@feira/chassis'
import { notificationsEmail } from '@feira/contracts/notifications'
import { AttemptFailure, workersOf } from '../delivery/delivery.ts'
import { MailFailure, mailServerOf } from '../delivery/mail-server.ts'
import { headerText } from '../domain/header-text.ts'

/**
 * `notifications.email` → an e-mail → `notification.sent`, or `notification.failed`.
 *
 * A mail server that is away uses up no attempts (see mail-server.ts); the pauses are for one that puts a message off, for
 * which a quarter of an hour is usual (RFC 5321 §4.5.4.1 wants at least 30 minutes).
 */
export const onNotificationsEmail = workersOf({
  message: notificationsEmail,
  queue: 'email-workers',
  urgentQueue: 'email-workers-high',
  maxInFlight: 3,
  retryDelays: [1_000, 4_000, 16_000, 60_000, 300_000, 1_800_000],

  orderOf({ data }) {
    const { notificationId: id, userId, orderId, to, subject, text, html, priority } = data
    const line = subject === null ? null : headerText(subject)
    return { id, channel: 'email', priority, userId, orderId, recipient: to, subject: line, text, html }
  },

  async send({ id, recipient, subject, text, html }, resources, signal) {
    const mail = { notificationId: id, to: recipient ?? '', subject: subject ?? '', text: text ?? '', html }
    try {
      return await mailServerOf(resources).send(mail, signal)
    } catch (error) {
      if (!(error instanceof MailFailure)) throw error
      if (error.failure === 'refused') throw new Rejection('mail-refused', 422, error.message)
      throw new AttemptFailure(error.failure === 'unknown' ? 'unknown' : 'failed', error)
    }
  },
})
