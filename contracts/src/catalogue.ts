import type { Message } from '@feira/contracts'
import * as invoices from './invoices.ts'
import * as notifications from './notifications.ts'
import * as orders from './orders.ts'
import * as partners from './partners.ts'
import * as payments from './payments.ts'
import * as products from './products.ts'
import * as snapshots from './snapshots.ts'
import * as users from './users.ts'

/** One file for each owner; it exports nothing but its messages. */
const owners: readonly Readonly<Record<string, Message>>[] = [
  users,
  products,
  orders,
  payments,
  invoices,
  notifications,
  partners,
  snapshots,
]

/** Every message of the system. Golden files, documentation and the map are made from this list. */
export const catalogue: readonly Message[] = owners.flatMap(owner => Object.values(owner))
