import { etagOf, newId, Rejection, sendAnswer, type Route, type Transaction } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { newPartner } from '../partners/new-partner.ts'
import { partnerFields } from '../partners/partner-fields.ts'
import { partnerView, toView, type PartnerRow } from '../partners/partner-view.ts'
import { shownOnce } from '../partners/shown-once.ts'
import { partners } from '../schema.ts'

const created = partnerView
  .extend({
    webhookSecret: z.string().nullable().describe('signs its webhooks; shown here only, null to a repeated request'),
  })
  .meta({ id: 'NewPartner' })

/** `POST /partners`. */
export const createPartner: Route<Config> = (app, { config, transactOnce }) => {
  const { name, ...optional } = partnerFields(config)
  const body = z
    .strictObject({
      name,
      ...z.object(optional).partial().shape,
      userId: z
        .uuid()
        .toLowerCase()
        .optional()
        .describe('of the user that it signs in as, if it does; then also its id'),
    })
    .meta({ examples: [{ name: 'Loja Azul', email: 'loja@example.com', limitPerMinute: 100 }] })
  const schema = { summary: 'Add a partner', tags: ['partners'], body, response: { 201: created } }

  app.post('/partners', { config: { access: ['admin'] }, schema }, async (request, reply) => {
    const { userId, ...fields } = request.body
    const partner = newPartner(userId ?? newId(), fields)
    const answer = await transactOnce(request, async tx => {
      await insert(tx, partner)
      const headers = { location: `/partners/${partner.id}`, etag: etagOf(partner.version) }
      return { status: 201, headers, body: toView(partner), subjectId: partner.id }
    })
    reply.header('cache-control', 'no-store')
    const webhookSecret = shownOnce(answer, partner.webhookSecret)
    return sendAnswer(reply, { ...answer, body: { ...answer.body, webhookSecret } })
  })
}

async function insert({ db }: Transaction, partner: PartnerRow): Promise<void> {
  const { rowCount } = await db.insert(partners).values(partner).onConflictDoNothing()
  if (rowCount === 1) return
  throw new Rejection('partner-exists', 409, `User ${partner.id} is a partner already, or was one.`, {
    fields: [{ in: 'body', field: 'userId', message: 'is a partner already, or was one' }],
  })
}
