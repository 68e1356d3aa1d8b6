import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { changeOrder, orderPath } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'

const body = z.strictObject({}).optional()

/** `POST /orders/:id/complete` → `order.completed`. */
export const completeOrder: Route<Config> = (app, { transactOnce, config }) => {
  const schema = {
    summary: 'Note that a shipped order arrived',
    tags: ['orders'],
    params: orderPath,
    body,
    response: { 200: orderView },
  }

  app.post(
    '/orders/:id/complete',
    { config: { access: ['admin'], conditional: true, idempotent: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const work = transactOnce(request, tx => changeOrder(tx, request, id, { type: 'complete' }, config))
      return sendAnswer(reply, await work)
    },
  )
}
