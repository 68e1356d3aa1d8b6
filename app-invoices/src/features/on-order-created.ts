import { consumeBatch, type Received, type Resources } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import type { Config } from '../config.ts'
import { columnsOf } from '../customer.ts'
import { stepsBetween, untouched } from '../domain/invoice.ts'
import { monthIn } from '../domain/numbering.ts'
import { issueInvoices, type IssuedRow } from '../issue-invoices.ts'
import { observeLagsOf } from '../lags.ts'
import { publishIssued, publishStep, type PublishedInvoice } from '../publish-invoice.ts'

type OrderCreated = Received<typeof orderCreated>

/** `order.created` → one invoice → `invoice.issued`; and `invoice.paid`, `invoice.voided` if that had happened before. */
export const onOrderCreated = consumeBatch(
  'on-order-created',
  orderCreated,
  async (messages, tx, resources: Resources<Config>) => {
    const { INVOICE_TIMEZONE } = resources.config
    const observeLags = observeLagsOf(resources)
    const issuedAt = new Date()
    const byOrder = firstOfEach(messages)
    const orders = [...byOrder.values()].map(({ data }) => data)
    const rows = await issueInvoices(tx, { orders, issuedAt, month: monthIn(INVOICE_TIMEZONE, issuedAt) })
    for (const row of rows) {
      const cause = byOrder.get(row.order_id) as OrderCreated
      const invoice = invoiceOf(row, cause, issuedAt)
      publishIssued(tx, invoice, cause)
      const now = { paidAt: row.paid_at, voidedAt: row.voided_at }
      stepsBetween(untouched, now).forEach((step, index) => publishStep(tx, invoice, step, index + 2, cause))
    }
    const placed = rows.map(row => new Date((byOrder.get(row.order_id) as OrderCreated).data.createdAt))
    tx.afterCommit(() => observeLags(placed, new Date()))
  },
)

function firstOfEach(messages: readonly OrderCreated[]): Map<string, OrderCreated> {
  return new Map(messages.toReversed().map(message => [message.data.orderId, message]))
}

function invoiceOf({ id, number }: IssuedRow, { data }: OrderCreated, issuedAt: Date): PublishedInvoice {
  const { orderId, userId, totalCents, currency } = data
  return { id, number, orderId, userId, ...columnsOf(data.customer), totalCents, currency, issuedAt }
}
