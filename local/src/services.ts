import { service as invoices } from '@feira/app-invoices/service'
import { service as notifications } from '@feira/app-notifications/service'
import { service as orders } from '@feira/app-orders/service'
import { service as products } from '@feira/app-products/service'
import { service as users } from '@feira/app-users/service'
import type { Service } from '@feira/chassis'

/** Every service of the system, in the order in which they are shown. */
export const services: readonly Service[] = [orders, invoices, users, products, notifications]
