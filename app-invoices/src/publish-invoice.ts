import type { Received, Transaction } from '@feira/chassis'
import { invoiceIssued, invoicePaid, invoiceVoided } from '@feira/contracts/invoices'
import { customerOf, type CustomerColumns } from './customer.ts'
import type { Step } from './domain/invoice.ts'

/** What every event of an invoice tells. */
export interface PublishedInvoice extends CustomerColumns {
  readonly id: string
  readonly number: string
  readonly orderId: string
  readonly userId: string | null
  readonly totalCents: number
  readonly currency: string
  readonly issuedAt: Date
}

/** Publishes `invoice.issued`, the first version of an invoice. */
export function publishIssued(tx: Transaction, invoice: PublishedInvoice, cause: Received): void {
  tx.publish(invoiceIssued, payloadOf(invoice, 1), { cause })
}

/** Publishes what became of an invoice, as this version of it. */
export function publishStep(tx: Transaction, invoice: PublishedInvoice, step: Step, version: number, cause: Received) {
  const payload = payloadOf(invoice, version)
  const at = step.at.toISOString()
  if (step.status === 'paid') tx.publish(invoicePaid, { ...payload, paidAt: at }, { cause })
  else tx.publish(invoiceVoided, { ...payload, paidAt: step.paidAt?.toISOString() ?? null, voidedAt: at }, { cause })
}

/** What every message about an invoice tells of it. */
export function payloadOf(invoice: PublishedInvoice, version: number) {
  const { id, number, orderId, userId, totalCents, currency, issuedAt } = invoice
  return {
    invoiceId: id,
    version,
    number,
    orderId,
    userId,
    customer: customerOf(invoice),
    totalCents,
    currency,
    issuedAt: issuedAt.toISOString(),
  }
}
