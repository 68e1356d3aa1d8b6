import { consumeBatch, type Received, type Transaction } from '@feira/chassis'
import { orderCancelled, orderPaid, orderRefunded } from '@feira/contracts/orders'
import { columnsOf, customerOf } from '../customer.ts'
import { afterFact, stepsBetween, untouched, type OrderFact, type Standing } from '../domain/invoice.ts'
import { publishStep } from '../publish-invoice.ts'
import { lockKnown, storeInvoices, storeMarks, type Change, type Invoice } from '../standings.ts'

type OrderChanged = Received<typeof orderPaid | typeof orderCancelled | typeof orderRefunded>

/**
 * `order.paid` → `invoice.paid`; `order.cancelled`, `order.refunded` → `invoice.voided`. What arrives before `order.created`
 * leaves a mark, and the invoice is then issued accordingly.
 */
export const onOrderChanged = consumeBatch(
  'on-order-changed',
  [orderPaid, orderCancelled, orderRefunded],
  async (messages, tx) => {
    const now = new Date()
    const byOrder = Map.groupBy(messages, ({ data }) => data.orderId)
    const known = await lockKnown(tx, [...byOrder.keys()])
    const changes: Change[] = []
    const marks = new Map<string, Standing>()
    for (const [orderId, told] of byOrder) {
      const inOrder = told.toSorted((a, b) => a.data.version - b.data.version)
      const before = known.invoices.get(orderId)
      if (before === undefined) {
        const mark = known.marks.get(orderId) ?? untouched
        const after = inOrder.map(factOf).reduce(afterFact, mark)
        if (after !== mark) marks.set(orderId, after)
      } else {
        const after = inOrder.reduce((invoice, message) => follow(invoice, message, tx, now), before)
        if (after !== before) changes.push({ before, after })
      }
    }
    await storeInvoices(tx, changes)
    await storeMarks(tx, marks, now)
  },
)

/** The invoice after what a message tells; publishes the change. */
function follow(invoice: Invoice, message: OrderChanged, tx: Transaction, now: Date): Invoice {
  const after = afterFact(invoice, factOf(message))
  if (after === invoice) return invoice
  const version = invoice.version + 1
  const changed = { ...invoice, ...after, ...customerNow(invoice, message), version, updatedAt: now }
  for (const step of stepsBetween(invoice, after)) publishStep(tx, changed, step, version, message)
  return changed
}

// An invoice issued for nobody known learns whom it is for, unless that person was erased since.
function customerNow(invoice: Invoice, { data }: OrderChanged) {
  const learns = customerOf(invoice) === null && invoice.erasedAt === null && data.customer !== null
  return learns ? columnsOf(data.customer) : {}
}

function factOf({ type, data }: OrderChanged): OrderFact {
  const { version: orderVersion } = data
  switch (type) {
    case 'order.paid':
      return { outcome: 'paid', orderVersion, at: new Date(data.paidAt) }
    case 'order.cancelled':
      return { outcome: 'cancelled', orderVersion, at: new Date(data.cancelledAt) }
    case 'order.refunded':
      return { outcome: 'refunded', orderVersion, at: new Date(data.refundedAt) }
  }
}
