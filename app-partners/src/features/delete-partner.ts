import type { Route } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { revokeKeys } from '../keys/revoke-keys.ts'
import { lockPartner } from '../partners/lock-partner.ts'
import { partnerParams as params } from '../partners/partner-fields.ts'
import { partners } from '../schema.ts'

/**
 * `DELETE /partners/:id`: its keys and tokens count no more, it is told nothing more, and who it was is erased. Its events
 * stay, under its id.
 */
export const deletePartner: Route = (app, { transact }) => {
  const schema = { summary: 'Delete a partner', tags: ['partners'], params, response: { 204: z.void() } }

  app.delete('/partners/:id', { config: { access: ['admin'], conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    await transact(async tx => {
      const { version } = await lockPartner(tx, request, id)
      const at = new Date()
      const erased = { name: null, email: null, webhookUrl: null, webhookSecret: null }
      const gone = { ...erased, version: version + 1, updatedAt: at, deletedAt: at }
      await tx.db.update(partners).set(gone).where(eq(partners.id, id))
      await revokeKeys(tx, id)
    })
    return reply.code(204).send()
  })
}
