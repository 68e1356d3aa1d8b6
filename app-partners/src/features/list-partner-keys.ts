import { decodeCursor, page, pageOf, pageQuery, rejections, type Database, type Route } from '@feira/chassis'
import { and, desc, eq, isNull, lt } from 'drizzle-orm'
import { z } from 'zod'
import { keyView, toKeyView } from '../keys/key-view.ts'
import { partnerParams as params } from '../partners/partner-fields.ts'
import { partnerKeys, partners } from '../schema.ts'

const querystring = z.strictObject(pageQuery)
const cursorKey = z.tuple([z.uuid()])

/** `GET /partners/:id/keys`, newest first, the revoked ones too. */
export const listPartnerKeys: Route = (app, { db }) => {
  const response = { 200: pageOf(keyView) }
  const schema = { summary: 'List the keys of a partner', tags: ['partners'], params, querystring, response }

  app.get('/partners/:id/keys', { config: { access: ['admin'] }, schema }, async request => {
    const { id } = request.params
    const { limit, cursor } = request.query
    const before = decodeCursor(cursor, cursorKey)
    await requirePartner(db, id)
    const rows = await db
      .select()
      .from(partnerKeys)
      .where(and(eq(partnerKeys.partnerId, id), before && lt(partnerKeys.id, before[0])))
      .orderBy(desc(partnerKeys.id))
      .limit(limit + 1)
    return page(rows.map(toKeyView), limit, ({ id }) => [id])
  })
}

async function requirePartner(db: Database, id: string): Promise<void> {
  const isThere = and(eq(partners.id, id), isNull(partners.deletedAt))
  const [row] = await db.select({ id: partners.id }).from(partners).where(isThere)
  if (!row) throw rejections.notFound('partner', id)
}
