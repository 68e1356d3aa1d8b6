import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { changeOrder, orderPath } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'

const body = z
  .strictObject({
    paymentReference: z.string().trim().min(1).max(200).optional().describe('what the payment provider calls it'),
  })
  .meta({ examples: [{ paymentReference: 'pix-7d3f' }] })
  .optional()

/** `POST /orders/:id/pay` → `order.paid`. */
export const payOrder: Route<Config> = (app, { transactOnce, config }) => {
  const schema = {
    summary: 'Pay a reserved order',
    tags: ['orders'],
    params: orderPath,
    body,
    response: { 200: orderView },
  }

  app.post(
    '/orders/:id/pay',
    { config: { access: ['user', 'admin'], conditional: true, idempotent: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const signal = { type: 'pay', payment: { reference: request.body?.paymentReference ?? null } } as const
      return sendAnswer(reply, await transactOnce(request, tx => changeOrder(tx, request, id, signal, config)))
    },
  )
}
