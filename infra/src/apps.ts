import { service as invoices } from '@feira/app-invoices/service'
import { office as notifications, worker } from '@feira/app-notifications/service'
import { service as orders } from '@feira/app-orders/service'
import { service as partners } from '@feira/app-partners/service'
import { service as products } from '@feira/app-products/service'
import { service as queries } from '@feira/app-queries/service'
import { service as users } from '@feira/app-users/service'
import type { Service } from '@feira/chassis'

/** One of Feira's services, as it is deployed. */
export interface App {
  /** By which others reach it, as in docker-compose.yml. */
  readonly name: string
  /** The folder whose Dockerfile makes its image. */
  readonly folder: string
  /** What the image is told to do instead of serving. */
  readonly command?: readonly string[]
  /** Port, paths, variables and queues are the service's own. */
  readonly service: Service
  /** Whether it calls addresses that others choose: partners' webhooks, a mail server. */
  readonly callsAnywhere?: boolean
}

export const apps: readonly App[] = [
  { name: 'app-users', folder: 'app-users', service: users },
  { name: 'app-products', folder: 'app-products', service: products },
  { name: 'app-orders', folder: 'app-orders', service: orders },
  { name: 'app-invoices', folder: 'app-invoices', service: invoices },
  { name: 'app-notifications', folder: 'app-notifications', service: notifications },
  {
    name: 'notification-workers',
    folder: 'app-notifications',
    command: ['worker'],
    service: worker,
    callsAnywhere: true,
  },
  { name: 'app-queries', folder: 'app-queries', service: queries },
  { name: 'app-partners', folder: 'app-partners', service: partners, callsAnywhere: true },
]
