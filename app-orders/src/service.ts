import { defineService } from '@feira/chassis'
import { config, type Config } from './config.ts'
import { getOrder } from './features/get-order.ts'
import { getOrderHistory } from './features/get-order-history.ts'
import { listOrders } from './features/list-orders.ts'
import { placeOrder } from './features/place-order.ts'

export const service = defineService<Config>({
  name: 'orders',
  summary: 'Takes orders and leads each from placed to completed.',
  port: 3333,
  paths: ['/orders'],
  config,
  migrations: new URL('../migrations/', import.meta.url),
  routes: [placeOrder, listOrders, getOrder, getOrderHistory],
  consumers: [],
})
