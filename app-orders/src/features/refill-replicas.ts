import { sendAnswer, type Answer, type Route } from '@feira/chassis'
import { z } from 'zod'
import { findOpenRefill, replaceRefill, requestRefill } from '../replicas/refill.ts'

const refillView = z.object({ requestId: z.uuid() }).meta({ id: 'Refill' })

/** `POST /orders/replicas/refill` → `snapshot.requested`: all that is known of users and products is asked for again. */
export const refillReplicas: Route = (app, { transactOnce }) => {
  const schema = {
    summary: 'Ask for all users and products again',
    tags: ['operations'],
    body: z.strictObject({}).optional(),
    response: { 202: refillView },
  }

  app.post('/orders/replicas/refill', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const answer = await transactOnce(request, async (tx): Promise<Answer<z.infer<typeof refillView>>> => {
      const open = await findOpenRefill(tx.query)
      if (open) await replaceRefill(tx, open.requestId)
      return { status: 202, body: { requestId: await requestRefill(tx) } }
    })
    return sendAnswer(reply, answer)
  })
}
