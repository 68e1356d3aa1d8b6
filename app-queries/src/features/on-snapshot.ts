import { consumeBatch, type Received } from '@feira/chassis'
import type { Message } from '@feira/contracts'
import { invoiceSnapshot } from '@feira/contracts/invoices'
import { notificationSnapshot } from '@feira/contracts/notifications'
import { orderSnapshot } from '@feira/contracts/orders'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted } from '@feira/contracts/snapshots'
import { userSnapshot } from '@feira/contracts/users'
import { keepInvoices, toInvoiceRow } from '../projecting/invoice-row.ts'
import { holdModels } from '../projecting/models.ts'
import { keepNotifications, toNotificationRow } from '../projecting/notification-row.ts'
import { keepOrders, toOrderRow } from '../projecting/order-row.ts'
import { keepProducts, keepStocks, toProductRow, toStockRow } from '../projecting/product-row.ts'
import { keepUsers, toUserRow } from '../projecting/user-row.ts'
import { noteProgress, type Progress } from '../rebuilding/rebuild.ts'

const types = [userSnapshot, productSnapshot, orderSnapshot, invoiceSnapshot, notificationSnapshot, snapshotCompleted]
type Answer = Received<(typeof types)[number]>

const shadow = ['model_next'] as const

/** The answers to the `snapshot.requested` of a rebuild, which come to this queue alone → the model that it fills. */
export const onSnapshot = consumeBatch(
  'on-snapshot',
  types,
  async (messages, tx) => {
    const { rebuild } = await holdModels(tx)
    const answers = messages.filter(({ data }) => data.requestId === rebuild)
    // The others answer a rebuild that is over.
    if (rebuild === undefined || answers.length === 0) return
    const products = rowsOf(productSnapshot, answers).map(({ data }) => data)
    const stocks = products.flatMap(({ productId, stock }) => (stock ? { productId, ...stock } : []))
    await keepUsers(
      tx,
      shadow,
      rowsOf(userSnapshot, answers).map(({ data }) => toUserRow(data)),
    )
    await keepProducts(tx, shadow, products.map(toProductRow))
    await keepStocks(tx, shadow, stocks.map(toStockRow))
    await keepOrders(tx, shadow, rowsOf(orderSnapshot, answers).map(toOrderRow))
    await keepInvoices(tx, shadow, rowsOf(invoiceSnapshot, answers).map(toInvoiceRow))
    await keepNotifications(tx, shadow, rowsOf(notificationSnapshot, answers).map(toNotificationRow))
    await noteProgress(tx, rebuild, answers.map(progressOf))
  },
  { bound: false },
)

function rowsOf<M extends Message>(message: M, answers: readonly Answer[]): Received<M>[] {
  return answers.filter(({ type }) => type === message.type) as Received<M>[]
}

function progressOf({ type, data }: Answer): Progress {
  if (type === 'snapshot.completed') return { kind: data.kind, received: 0, expected: data.count }
  return { kind: type.slice(0, -'.snapshot'.length), received: 1, expected: null }
}
