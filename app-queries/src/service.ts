import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { followOrder } from './features/follow-order.ts'
import { followOwnOrders } from './features/follow-own-orders.ts'
import { getOrder } from './features/get-order.ts'
import { getRebuild } from './features/get-rebuild.ts'
import { getStats } from './features/get-stats.ts'
import { listOrders } from './features/list-orders.ts'
import { listProducts } from './features/list-products.ts'
import { listUsers } from './features/list-users.ts'
import { onInvoiceEvent } from './features/on-invoice-event.ts'
import { onNotificationEvent } from './features/on-notification-event.ts'
import { onOrderEvent } from './features/on-order-event.ts'
import { onProductEvent } from './features/on-product-event.ts'
import { onSnapshot } from './features/on-snapshot.ts'
import { onStockChanged } from './features/on-stock-changed.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { onUserEvent } from './features/on-user-event.ts'
import { requestRebuild } from './features/request-rebuild.ts'
import { watchRebuild } from './features/watch-rebuild.ts'
import { openLive } from './live/live.ts'
import { resumeRebuild } from './rebuilding/rebuild.ts'

export const service = defineService<Config>({
  name: 'queries',
  summary: 'The read model: an order and all that belongs to it in one fast read, fed by events alone.',
  port: 3338,
  paths: ['/q'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openLive, resumeRebuild],
  routes: [
    getOrder,
    listOrders,
    listProducts,
    listUsers,
    getStats,
    followOrder,
    followOwnOrders,
    requestRebuild,
    getRebuild,
  ],
  consumers: [
    onOrderEvent,
    onUserEvent,
    onProductEvent,
    onStockChanged,
    onInvoiceEvent,
    onNotificationEvent,
    onUserDeleted,
    onSnapshot,
  ],
  jobs: [watchRebuild],
})
