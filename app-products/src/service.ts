import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { adjustStock } from './features/adjust-stock.ts'
import { changeProduct } from './features/change-product.ts'
import { createProduct } from './features/create-product.ts'
import { deleteProduct } from './features/delete-product.ts'
import { getProduct } from './features/get-product.ts'
import { listCategories } from './features/list-categories.ts'
import { listMovements } from './features/list-movements.ts'
import { listProducts } from './features/list-products.ts'
import { onOrderShipped } from './features/on-order-shipped.ts'
import { onPartnerStockUpdate } from './features/on-partner-stock-update.ts'
import { onSnapshotRequested } from './features/on-snapshot-requested.ts'
import { onStockRelease } from './features/on-stock-release.ts'
import { onStockReserve } from './features/on-stock-reserve.ts'

export const service = defineService<Config>({
  name: 'products',
  summary: 'The catalogue and its stock: sets aside all that an order needs, or nothing.',
  port: 3336,
  paths: ['/products'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [
    listProducts,
    listCategories,
    getProduct,
    createProduct,
    changeProduct,
    deleteProduct,
    adjustStock,
    listMovements,
  ],
  consumers: [onStockReserve, onStockRelease, onOrderShipped, onSnapshotRequested, onPartnerStockUpdate],
})
