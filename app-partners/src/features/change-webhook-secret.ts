import { etagOf, type Route } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { lockPartner } from '../partners/lock-partner.ts'
import { newWebhookSecret } from '../partners/new-partner.ts'
import { partnerParams as params } from '../partners/partner-fields.ts'
import { partners } from '../schema.ts'

const answer = z.object({ webhookSecret: z.string().describe('shown here only') }).meta({ id: 'WebhookSecret' })

/** `POST /partners/:id/webhook-secret`: webhooks are signed with a new secret from the next attempt on. */
export const changeWebhookSecret: Route = (app, { transact }) => {
  const schema = { summary: 'Change the webhook secret', tags: ['partners'], params, response: { 200: answer } }

  app.post(
    '/partners/:id/webhook-secret',
    { config: { access: ['admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const webhookSecret = newWebhookSecret()
      const version = await transact(async tx => {
        const row = await lockPartner(tx, request, id)
        const changed = { webhookSecret, version: row.version + 1, updatedAt: new Date() }
        await tx.db.update(partners).set(changed).where(eq(partners.id, id))
        return changed.version
      })
      reply.headers({ 'cache-control': 'no-store', etag: etagOf(version) })
      return { webhookSecret }
    },
  )
}
