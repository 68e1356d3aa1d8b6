import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { invalidTransition } from '../advancing/advance-orders.ts'
import { changeOrder, orderPath, typedReason } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import type { Order, OrderStatus } from '../domain/order.ts'
import type { Signal } from '../domain/saga.ts'
import { orderView } from '../order-view.ts'
import { anyCase } from '../status-text.ts'

const body = z
  .strictObject({ status: anyCase, reason: typedReason.optional() })
  .meta({ examples: [{ status: 'shipped' }] })

/** `PATCH /orders/:id/status`: what the other endpoints do, by the name of the state; and `order.shipped`. */
export const changeOrderStatus: Route<Config> = (app, { transact, config }) => {
  const schema = {
    summary: 'Lead an order to another state, e.g. shipped',
    tags: ['orders'],
    params: orderPath,
    body,
    response: { 200: orderView },
  }

  app.patch(
    '/orders/:id/status',
    { config: { access: ['admin'], conditional: true }, schema },
    async (request, reply) => {
      const { status, reason = null } = request.body
      const wish = (order: Order) => signalFor(order, status, reason)
      return sendAnswer(reply, await transact(tx => changeOrder(tx, request, request.params.id, wish, config)))
    },
  )
}

/** @throws Rejection for a state that nobody can lead this order to: only stock that was set aside makes it reserved. */
function signalFor({ status: from }: Order, to: OrderStatus, reason: string | null): Signal {
  switch (to) {
    case 'paid':
      return { type: 'pay', payment: { reference: null } }
    case 'shipped':
      return { type: 'ship' }
    case 'completed':
      return { type: 'complete' }
    case 'refunded':
      return { type: 'refund', reason, restock: false }
    case 'cancelled':
      // Cancelling a paid order refunds it, which is not the state that was asked for.
      if (from === 'paid') throw invalidTransition(from, to)
      return { type: 'cancel', reason }
    case 'pending':
    case 'reserved':
      throw invalidTransition(from, to)
  }
}
