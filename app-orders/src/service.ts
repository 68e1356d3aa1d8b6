import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { cancelOrder } from './features/cancel-order.ts'
import { changeOrderStatus } from './features/change-order-status.ts'
import { completeOrder } from './features/complete-order.ts'
import { expireUnpaidOrders } from './features/expire-unpaid-orders.ts'
import { getOrderStats } from './features/get-order-stats.ts'
import { getReplicas } from './features/get-replicas.ts'
import { getOrder } from './features/get-order.ts'
import { getOrderHistory } from './features/get-order-history.ts'
import { keepReplicasFilled } from './features/keep-replicas-filled.ts'
import { listOrders } from './features/list-orders.ts'
import { onPartnerReturn } from './features/on-partner-return.ts'
import { onPartnerSale } from './features/on-partner-sale.ts'
import { onPaymentCompleted } from './features/on-payment-completed.ts'
import { onPaymentFailed } from './features/on-payment-failed.ts'
import { onProductChanged } from './features/on-product-changed.ts'
import { onProductUnavailable } from './features/on-product-unavailable.ts'
import { onSnapshot } from './features/on-snapshot.ts'
import { onSnapshotRequested } from './features/on-snapshot-requested.ts'
import { onStockReserved } from './features/on-stock-reserved.ts'
import { onUserChanged } from './features/on-user-changed.ts'
import { onUserDeleted } from './features/on-user-deleted.ts'
import { payOrder } from './features/pay-order.ts'
import { placeOrder } from './features/place-order.ts'
import { refillReplicas } from './features/refill-replicas.ts'
import { refundOrder } from './features/refund-order.ts'
import { sumTallies } from './features/sum-tallies.ts'
import { openMeters } from './meters.ts'

export const service = defineService<Config>({
  name: 'orders',
  summary: 'Takes orders and leads each from placed to completed.',
  port: 3333,
  paths: ['/orders'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  startup: [openMeters],
  routes: [
    placeOrder,
    listOrders,
    getOrder,
    getOrderHistory,
    payOrder,
    cancelOrder,
    changeOrderStatus,
    completeOrder,
    refundOrder,
    getOrderStats,
    getReplicas,
    refillReplicas,
  ],
  consumers: [
    onStockReserved,
    onProductUnavailable,
    onPaymentCompleted,
    onPaymentFailed,
    onUserChanged,
    onUserDeleted,
    onProductChanged,
    onSnapshot,
    onSnapshotRequested,
    ...onPartnerSale,
    onPartnerReturn,
  ],
  jobs: [expireUnpaidOrders, keepReplicasFilled, sumTallies],
})
