import { sendAnswer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { changeOrder, orderPath, typedReason } from '../advancing/change-order.ts'
import type { Config } from '../config.ts'
import { orderView } from '../order-view.ts'

const body = z
  .strictObject({
    reason: typedReason.optional(),
    restock: z
      .boolean()
      .default(false)
      .describe('whether what was shipped is put back on sale; what was not always is'),
  })
  .meta({ examples: [{ reason: 'arrived broken', restock: false }] })
  .optional()

/** `POST /orders/:id/refund` → `order.refunded`, and `stock.release` where the items are here. */
export const refundOrder: Route<Config> = (app, { transactOnce, config }) => {
  const schema = {
    summary: 'Refund a paid order',
    tags: ['orders'],
    params: orderPath,
    body,
    response: { 200: orderView },
  }

  app.post(
    '/orders/:id/refund',
    { config: { access: ['admin'], conditional: true, idempotent: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const { reason = null, restock = false } = request.body ?? {}
      const signal = { type: 'refund', reason, restock } as const
      return sendAnswer(reply, await transactOnce(request, tx => changeOrder(tx, request, id, signal, config)))
    },
  )
}
