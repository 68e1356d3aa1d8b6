import type { Message } from '@feira/contracts'
import * as invoices from './invoices.ts'
import * as orders from './orders.ts'

/** One file for each owner; it exports nothing but its messages. */
const owners: readonly Readonly<Record<string, Message>>[] = [orders, invoices]

/** Every message of the system. Golden files, documentation and the map are made from this list. */
export const catalogue: readonly Message[] = owners.flatMap(owner => Object.values(owner))
