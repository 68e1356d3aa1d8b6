import { z } from 'zod'
import { defineEvent } from '@feira/contracts'

// Published by whoever handles payments, not by Feira, so it asks for little.
const payment = {
  orderId: z.uuid(),
  paymentReference: z.string().max(200).nullish().describe('what the payment provider calls it'),
}

const example = { orderId: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d', paymentReference: 'pay_8f3a' }

export const paymentCompleted = defineEvent('payment.completed', {
  owner: 'payments',
  summary: 'An external payment provider received the money for an order.',
  aggregate: { type: 'payment', id: 'orderId' },
  schema: z.object({
    ...payment,
    amountCents: z.int().positive().nullish().describe('refused when it is not what the order costs'),
    currency: z.string().nullish(),
  }),
  example: { ...example, amountCents: 2999, currency: 'BRL' },
})

export const paymentFailed = defineEvent('payment.failed', {
  owner: 'payments',
  summary: 'An external payment provider gave up on the payment of an order.',
  aggregate: { type: 'payment', id: 'orderId' },
  schema: z.object({ ...payment, reason: z.string().max(500).nullish() }),
  example: { ...example, reason: 'card declined' },
})
