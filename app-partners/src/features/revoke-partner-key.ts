import { rejections, type Route } from '@feira/chassis'
import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { partnerParams } from '../partners/partner-fields.ts'
import { partnerKeys } from '../schema.ts'

const params = partnerParams.extend({ keyId: z.uuid().toLowerCase() })

/** `DELETE /partners/:id/keys/:keyId`: the next request with it is refused, in every replica. Twice is like once. */
export const revokePartnerKey: Route = (app, { transact }) => {
  const schema = { summary: 'Revoke a key', tags: ['partners'], params, response: { 204: z.void() } }

  app.delete('/partners/:id/keys/:keyId', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { id, keyId } = request.params
    const { rowCount } = await transact(tx =>
      tx.db
        .update(partnerKeys)
        .set({ revokedAt: sql`coalesce(${partnerKeys.revokedAt}, now())` })
        .where(and(eq(partnerKeys.id, keyId), eq(partnerKeys.partnerId, id))),
    )
    if (rowCount === 0) throw rejections.notFound('key', keyId)
    return reply.code(204).send()
  })
}
