import { etagOf, type Route, type Transaction } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { PartnerFields } from '../partners/new-partner.ts'
import { lockPartner } from '../partners/lock-partner.ts'
import { partnerFields, partnerParams as params } from '../partners/partner-fields.ts'
import { partnerView, toView, type PartnerRow } from '../partners/partner-view.ts'
import { partners } from '../schema.ts'

/** `PATCH /partners/:id`: what is not named stays; `null` takes a field away. Counts from the next request on. */
export const changePartner: Route<Config> = (app, { config, transact }) => {
  const body = z
    .strictObject({ ...partnerFields(config), status: z.enum(['active', 'blocked']) })
    .partial()
    .refine(change => Object.keys(change).length > 0, {
      error: 'must name at least one field',
      when: ({ issues }) => issues.length === 0,
    })
    .meta({ examples: [{ limitPerMinute: 500 }] })
  const schema = { summary: 'Change a partner', tags: ['partners'], params, body, response: { 200: partnerView } }

  app.patch('/partners/:id', { config: { access: ['admin'], conditional: true }, schema }, async (request, reply) => {
    const partner = await transact(async tx => {
      const row = await lockPartner(tx, request, request.params.id)
      return change(tx, row, request.body)
    })
    reply.header('etag', etagOf(partner.version))
    return toView(partner)
  })
}

type Change = PartnerFields & { readonly status?: PartnerRow['status'] | undefined }

async function change({ db }: Transaction, row: PartnerRow, fields: Change): Promise<PartnerRow> {
  const given = Object.entries(fields).filter(([field, value]) => row[field as keyof Change] !== value)
  if (given.length === 0) return row
  const changed = { ...row, ...Object.fromEntries(given), version: row.version + 1, updatedAt: new Date() }
  await db.update(partners).set(changed).where(eq(partners.id, row.id))
  return changed
}
