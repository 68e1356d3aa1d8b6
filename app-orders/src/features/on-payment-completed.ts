import { consumeBatch } from '@feira/chassis'
import { paymentCompleted } from '@feira/contracts/payments'
import { receiveSignals } from '../advancing/receive-signals.ts'

/**
 * `payment.completed` → `order.paid`, at once or with the reservation. Money that an order cannot take is refused, so that
 * it becomes a dead letter that somebody looks at.
 */
export const onPaymentCompleted = consumeBatch('on-payment-completed', paymentCompleted, async (messages, tx) => {
  await receiveSignals(tx, messages, ({ data: { paymentReference, amountCents, currency } }) => ({
    type: 'payment-completed',
    payment: { reference: paymentReference ?? null },
    amountCents: amountCents ?? undefined,
    currency: currency ?? undefined,
  }))
})
