import { consumeBatch, newId, type Resources } from '@feira/chassis'
import { invoiceIssued } from '@feira/contracts/invoices'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import { userCreated } from '@feira/contracts/users'
import type { Config } from '../config.ts'
import { letterFor, type AddressedLetter, type CustomerEvent } from '../templates/letter-for.ts'
import { putOut } from '../delivery/outgoing.ts'

const events = [
  orderCreated,
  orderReserved,
  orderPaid,
  orderShipped,
  orderCompleted,
  orderCancelled,
  orderRefunded,
  invoiceIssued,
  userCreated,
]

/** What happens to an order, its invoice, a new account → one e-mail to the customer → `notifications.email`. */
export const onCustomerEvent = consumeBatch(
  'on-customer-event',
  events,
  async (messages: readonly CustomerEvent[], tx, { config }: Resources<Config>) => {
    const causes = new Map<string, CustomerEvent>()
    const rows = messages.flatMap(message => {
      const letter = letterFor(message, config.NOTIFICATION_TIMEZONE)
      if (!letter) return []
      const row = toRow(letter)
      causes.set(row.id, message)
      return [row]
    })
    await putOut(tx, rows, id => causes.get(id))
  },
)

function toRow({ to, ...letter }: AddressedLetter) {
  const now = new Date()
  return {
    ...letter,
    id: newId(),
    channel: 'email' as const,
    status: 'pending' as const,
    priority: 'normal' as const,
    recipient: to,
    createdAt: now,
    updatedAt: now,
  }
}
