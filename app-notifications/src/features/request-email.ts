import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { headerText } from '../domain/header-text.ts'
import { isEmailAddress } from '../domain/recipient.ts'
import { accept, accepted, priority } from '../new-notification.ts'

const body = z
  .strictObject({
    to: z.string().max(254).refine(isEmailAddress, 'must be one plain e-mail address').describe('e.g. ana@example.com'),
    subject: z
      .string()
      .min(1)
      .max(200)
      .refine(text => text.trim() !== '' && headerText(text) === text.trim(), 'must be one line of visible characters'),
    body: z.string().min(1).max(100_000).describe('plain text'),
    priority,
  })
  .meta({ examples: [{ to: 'ana@example.com', subject: 'Your coffee', body: 'It is on its way.', priority: 'high' }] })

/** `POST /notifications/email` → `notifications.email`. */
export const requestEmail: Route = (app, { transactOnce }) => {
  const schema = { summary: 'Send an e-mail', tags: ['notifications'], body, response: { 202: accepted } }

  app.post('/notifications/email', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { to: recipient, subject, body: text, priority } = request.body
    const email = { channel: 'email' as const, priority, recipient, subject: subject.trim(), text }
    return sendAnswer(reply, await transactOnce(request, tx => accept(tx, email)))
  })
}
