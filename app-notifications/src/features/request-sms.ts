import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { isPhoneNumber } from '../domain/recipient.ts'
import { accept, accepted, priority } from '../new-notification.ts'

const body = z
  .strictObject({
    phone: z.string().max(16).refine(isPhoneNumber, 'must be a number in E.164 form').describe('e.g. +5511999990000'),
    message: z.string().min(1).max(1_000),
    priority,
  })
  .meta({ examples: [{ phone: '+5511999990000', message: 'Your coffee is on its way.' }] })

/** `POST /notifications/sms` → `notifications.sms`. */
export const requestSms: Route = (app, { transactOnce }) => {
  const schema = { summary: 'Send a text message', tags: ['notifications'], body, response: { 202: accepted } }

  app.post('/notifications/sms', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { phone: recipient, message: text, priority } = request.body
    const sms = { channel: 'sms' as const, priority, recipient, subject: null, text }
    return sendAnswer(reply, await transactOnce(request, tx => accept(tx, sms)))
  })
}
