import { rejections, versioned, type Route } from '@feira/chassis'
import { and, eq, isNull } from 'drizzle-orm'
import { partnerParams as params } from '../partners/partner-fields.ts'
import { partnerView, toView } from '../partners/partner-view.ts'
import { partners } from '../schema.ts'

/** `GET /partners/:id`. */
export const getPartner: Route = (app, { db }) => {
  const schema = { summary: 'Read one partner', tags: ['partners'], params, response: { 200: partnerView } }

  app.get('/partners/:id', { config: { access: ['admin'], conditional: true }, schema }, async (request, reply) => {
    const { id } = request.params
    const isThere = and(eq(partners.id, id), isNull(partners.deletedAt))
    const [row] = await db.select().from(partners).where(isThere)
    if (!row) throw rejections.notFound('partner', id)
    return versioned(request, reply, row.version, toView(row))
  })
}
