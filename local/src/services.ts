import { service as invoices } from '@feira/app-invoices/service'
import { service as orders } from '@feira/app-orders/service'
import type { Service } from '@feira/chassis'

/** Every service of the system, in the order in which they are shown. */
export const services: readonly Service[] = [orders, invoices]
