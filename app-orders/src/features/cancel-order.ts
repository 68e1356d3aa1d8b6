import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { changeOrder, orderPath, typedReason } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'

const body = z
  .strictObject({ reason: typedReason.optional() })
  .meta({ examples: [{ reason: 'found some' }] })
  .optional()

/** `POST /orders/:id/cancel` → `order.cancelled`, or `order.refunded` when it is paid; and `stock.release`. */
export const cancelOrder: Route<Config> = (app, { transactOnce, config }) => {
  const schema = {
    summary: 'Cancel an order that has not left; a paid one is refunded',
    tags: ['orders'],
    params: orderPath,
    body,
    response: { 200: orderView },
  }

  app.post(
    '/orders/:id/cancel',
    { config: { access: ['user', 'admin'], conditional: true, idempotent: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const signal = { type: 'cancel', reason: request.body?.reason ?? null } as const
      return sendAnswer(reply, await transactOnce(request, tx => changeOrder(tx, request, id, signal, config)))
    },
  )
}
