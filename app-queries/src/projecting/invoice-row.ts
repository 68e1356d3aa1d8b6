import type { Received } from '@feira/chassis'
import { invoiceIssued, invoicePaid, type invoiceSnapshot, invoiceVoided } from '@feira/contracts/invoices'
import { invoices } from '../schema.ts'
import { keepNewest } from './keep-newest.ts'

export const keepInvoices = keepNewest(invoices)

/** All that can happen to an invoice; each shows the whole of it. */
export const invoiceEvents = [invoiceIssued, invoicePaid, invoiceVoided] as const

type Shown = Received<(typeof invoiceEvents)[number] | typeof invoiceSnapshot>
type InvoiceRow = typeof invoices.$inferSelect

/** The invoice as a message shows it. */
export function toInvoiceRow(message: Shown): InvoiceRow {
  const { invoiceId, version, orderId, number, userId, totalCents, currency, issuedAt } = message.data
  const shown = { id: invoiceId, version, orderId, number, userId, totalCents, currency, issuedAt: new Date(issuedAt) }
  return { ...shown, ...stateIn(message) }
}

function stateIn({ type, data }: Shown): Pick<InvoiceRow, 'status' | 'paidAt' | 'voidedAt'> {
  switch (type) {
    case 'invoice.issued':
      return { status: 'issued', paidAt: null, voidedAt: null }
    case 'invoice.paid':
      return { status: 'paid', paidAt: new Date(data.paidAt), voidedAt: null }
    case 'invoice.voided':
      return { status: 'void', paidAt: momentOf(data.paidAt), voidedAt: new Date(data.voidedAt) }
    case 'invoice.snapshot':
      return { status: data.status, paidAt: momentOf(data.paidAt), voidedAt: momentOf(data.voidedAt) }
  }
}

const momentOf = (text: string | null) => (text === null ? null : new Date(text))
