import { sendAnswer, type Route } from '@feira/chassis'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'
import { newOrder } from '../placing/new-order.ts'
import { createPlaceItemOrder } from '../placing/place-item-order.ts'
import { createPlaceQuickOrder } from '../placing/place-quick-order.ts'

/** `POST /orders` → `order.created`, and `stock.reserve` for an order of products. */
export const placeOrder: Route<Config> = (app, resources) => {
  const placeItemOrder = createPlaceItemOrder(resources)
  const placeQuickOrder = createPlaceQuickOrder(resources)
  const schema = { summary: 'Place an order', tags: ['orders'], body: newOrder, response: { 201: orderView } }

  app.post('/orders', { config: { access: ['user', 'admin'] }, schema }, async (request, reply) => {
    const place = request.body.lines ? placeItemOrder : placeQuickOrder
    return sendAnswer(reply, await place(request))
  })
}
