import { consumeBatch } from '@feira/chassis'
import { invoiceIssued } from '@feira/contracts/invoices'
import { evict, tagsOfOrders } from '../projecting/evict.ts'
import { invoiceEvents, keepInvoices, toInvoiceRow } from '../projecting/invoice-row.ts'
import { holdModels } from '../projecting/models.ts'
import { appendToTimeline } from '../projecting/timeline.ts'

/** Whatever happens to an invoice → the invoice as it is then, and the timeline of its order. */
export const onInvoiceEvent = consumeBatch('on-invoice-event', invoiceEvents, async (messages, tx) => {
  const { models } = await holdModels(tx)
  await keepInvoices(tx, models, messages.map(toInvoiceRow))
  evict(tx, tagsOfOrders(messages.map(({ data }) => data.orderId)))
  const happenings = messages.map(message => {
    const { orderId, userId, version, number } = message.data
    return { message, orderId, userId, version, note: number }
  })
  await appendToTimeline(tx, invoiceIssued.owner, happenings)
})
