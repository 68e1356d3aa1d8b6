import { sendAnswer, textLine, type Route } from '@feira/chassis'
import { z } from 'zod'
import { newKey } from '../keys/api-key.ts'
import { keyView, toKeyView } from '../keys/key-view.ts'
import { lockPartner } from '../partners/lock-partner.ts'
import { partnerParams as params } from '../partners/partner-fields.ts'
import { shownOnce } from '../partners/shown-once.ts'
import { partnerKeys } from '../schema.ts'

const body = z
  .strictObject({ label: textLine(100).optional().describe('what the key is for') })
  .meta({ examples: [{ label: 'till 3' }] })
  .optional()
const created = keyView
  .extend({ key: z.string().nullable().describe('for `X-API-Key`; shown here only, null to a repeated request') })
  .meta({ id: 'NewPartnerKey' })

/** `POST /partners/:id/keys`. */
export const createPartnerKey: Route = (app, { transactOnce }) => {
  const schema = { summary: 'Give a partner a key', tags: ['partners'], params, body, response: { 201: created } }

  app.post(
    '/partners/:id/keys',
    { config: { access: ['admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id: partnerId } = request.params
      const { id, text, hash } = newKey()
      const row = { id, partnerId, label: request.body?.label ?? null, hash, createdAt: new Date(), revokedAt: null }
      const answer = await transactOnce(request, async tx => {
        await lockPartner(tx, request, partnerId)
        await tx.db.insert(partnerKeys).values(row)
        return { status: 201, body: toKeyView(row), subjectId: partnerId }
      })
      reply.header('cache-control', 'no-store')
      return sendAnswer(reply, { ...answer, body: { ...answer.body, key: shownOnce(answer, text) } })
    },
  )
}
