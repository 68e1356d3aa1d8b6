import { sendAnswer, type Route } from '@feira/chassis'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'
import { createMakeItemOrder } from '../placing/make-item-order.ts'
import { createMakeQuickOrder } from '../placing/make-quick-order.ts'
import { newOrder } from '../placing/new-order.ts'
import { createWriteOrder } from '../placing/write-orders.ts'
import { createWaitForArrival } from '../replicas/arrivals.ts'

/** `POST /orders` → `order.created`, and `stock.reserve` for an order of products. */
export const placeOrder: Route<Config> = (app, resources) => {
  const { query } = resources
  const waitForArrival = createWaitForArrival(query)
  const makeItemOrder = createMakeItemOrder(query, waitForArrival)
  const makeQuickOrder = createMakeQuickOrder(query, waitForArrival)
  const write = createWriteOrder(resources)
  const schema = { summary: 'Place an order', tags: ['orders'], body: newOrder, response: { 201: orderView } }

  app.post('/orders', { config: { access: ['user', 'admin'] }, schema }, async (request, reply) => {
    const make = request.body.lines ? makeItemOrder : makeQuickOrder
    return sendAnswer(reply, await write(request, make))
  })
}
