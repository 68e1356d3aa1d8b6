import { decodeCursor, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { partnerView, toView } from '../partners/partner-view.ts'
import { partners } from '../schema.ts'

const querystring = z.strictObject(pageQuery)

// Dates, because PostgreSQL has no year 0 and ISO 8601 does.
const cursorKey = z.tuple([z.iso.datetime().transform(text => new Date(text)), z.uuid()])

/** `GET /partners`, newest first. */
export const listPartners: Route = (app, { db }) => {
  const schema = { summary: 'List partners', tags: ['partners'], querystring, response: { 200: pageOf(partnerView) } }

  app.get('/partners', { config: { access: ['admin'] }, schema }, async request => {
    const { limit, cursor } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const older =
      before && sql`(${partners.createdAt}, ${partners.id}) < (${before[0]}::timestamptz, ${before[1]}::uuid)`
    const rows = await db
      .select()
      .from(partners)
      .where(and(isNull(partners.deletedAt), older))
      .orderBy(desc(partners.createdAt), desc(partners.id))
      .limit(limit + 1)
    return page(rows.map(toView), limit, ({ createdAt, id }) => [createdAt, id])
  })
}
