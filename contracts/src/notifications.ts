import { z } from 'zod'
import { defineCommand, defineEvent } from '@feira/contracts'

const priority = z.enum(['normal', 'high']).default('normal')

const about = {
  notificationId: z.uuid(),
  userId: z.uuid().nullable().default(null).describe('whom it is for, if that is a user'),
  orderId: z.uuid().nullable().default(null).describe('what it is about, if that is an order'),
}

const notificationId = '01936f3e-7777-7c1e-9b3a-51d21b2a3c4d'
const userId = '01936f3e-1111-7c1e-9b3a-51d21b2a3c4d'
const orderId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'

const aggregate = { type: 'notification', id: 'notificationId' } as const

export const notificationsEmail = defineCommand('notifications.email', {
  owner: 'notifications',
  summary: 'Send an e-mail, once for each notificationId. Work for the group `email-workers`.',
  aggregate,
  personal: { subject: 'userId', fields: ['to', 'subject', 'text', 'html'] },
  schema: z.object({
    ...about,
    to: z.string().nullable(),
    subject: z.string().nullable(),
    text: z.string().nullable(),
    html: z.string().nullable().default(null),
    priority,
  }),
  example: {
    notificationId,
    userId,
    orderId,
    to: 'ana@example.com',
    subject: 'Recebemos o seu pedido',
    text: 'Olá, Ana! …',
    html: '<p>Olá, Ana! …</p>',
    priority: 'normal',
  },
})

export const notificationsSms = defineCommand('notifications.sms', {
  owner: 'notifications',
  summary: 'Send a text message, once for each notificationId. Work for the group `sms-workers`.',
  aggregate,
  personal: { subject: 'userId', fields: ['phone', 'text'] },
  schema: z.object({ ...about, phone: z.string().nullable(), text: z.string().nullable(), priority }),
  example: { notificationId, userId, orderId, phone: '+5511999990000', text: 'Seu pedido saiu.', priority: 'high' },
})

/** What readers may know of a notification. */
const notification = {
  ...about,
  version: z.int().positive(),
  channel: z.enum(['email', 'sms']),
  template: z.string().nullable().default(null).describe('what it says, e.g. `order-created`'),
  recipient: z.string().nullable(),
}

const versioned = { ...aggregate, version: 'version' } as const
const personal = { subject: 'userId', fields: ['recipient'] } as const

const example = {
  notificationId,
  version: 2,
  userId,
  orderId,
  channel: 'email' as const,
  template: 'order-created',
  recipient: 'ana@example.com',
}

export const notificationSent = defineEvent('notification.sent', {
  owner: 'notifications',
  summary: 'A notification was handed over to the mail server or the SMS provider.',
  aggregate: versioned,
  personal,
  schema: z.object({ ...notification, sentAt: z.iso.datetime() }),
  example: { ...example, sentAt: '2026-11-21T12:00:01.000Z' },
})

export const notificationFailed = defineEvent('notification.failed', {
  owner: 'notifications',
  summary: 'A notification was given up after all attempts; it waits among the dead letters.',
  aggregate: versioned,
  personal,
  schema: z.object({ ...notification, reason: z.string(), failedAt: z.iso.datetime() }),
  example: { ...example, reason: 'the mail server refused the recipient', failedAt: '2026-11-21T12:00:40.000Z' },
})

export const notificationSnapshot = defineEvent('notification.snapshot', {
  owner: 'notifications',
  summary: 'A notification that was sent or given up, as it is now, for the one who asked by `snapshot.requested`.',
  aggregate: versioned,
  personal,
  schema: z.object({
    ...notification,
    status: z.enum(['sent', 'failed']),
    at: z.iso.datetime().describe('when it was sent or given up'),
    requestId: z.uuid(),
  }),
  example: {
    ...example,
    status: 'sent',
    at: '2026-11-21T12:00:01.000Z',
    requestId: '01936f3e-9999-7c1e-9b3a-51d21b2a3c4d',
  },
})
