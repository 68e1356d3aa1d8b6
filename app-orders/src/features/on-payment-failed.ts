import { consumeBatch } from '@feira/chassis'
import { paymentFailed } from '@feira/contracts/payments'
import { receiveSignals } from '../advancing/receive-signals.ts'

/** `payment.failed` → `order.cancelled` with that reason, unless another payment was made. */
export const onPaymentFailed = consumeBatch('on-payment-failed', paymentFailed, async (messages, tx) => {
  await receiveSignals(tx, messages, ({ data: { paymentReference, reason } }) => ({
    type: 'payment-failed',
    payment: { reference: paymentReference ?? null },
    reason: reason ? `payment failed: ${reason}` : 'payment failed',
  }))
})
