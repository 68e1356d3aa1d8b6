import { service as invoices } from '@feira/app-invoices/service'
import { service as notifications } from '@feira/app-notifications/service'
import { service as orders } from '@feira/app-orders/service'
import { service as partners } from '@feira/app-partners/service'
import { service as products } from '@feira/app-products/service'
import { service as queries } from '@feira/app-queries/service'
import { service as users } from '@feira/app-users/service'
import type { Service } from '@feira/chassis'

/** Every service of the system, in the order in which they are started and shown: first the one whose keys the others need. */
export const services: readonly Service[] = [users, products, orders, invoices, notifications, queries, partners]
