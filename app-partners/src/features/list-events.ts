import { callerOf, decodeCursor, firstIdAt, page, pageOf, pageQuery, type Route } from '@feira/chassis'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { eventStates } from '../domain/event.ts'
import { eventView, toView } from '../event-view.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { events } from '../schema.ts'
import { kindOf, strategies, tipoOf } from '../strategies/index.ts'
import { partnerSeen } from '../visible-events.ts'

const names = strategies.map(({ tipo }) => tipo)

const querystring = z.strictObject({
  ...pageQuery,
  tipo: z
    .preprocess(
      name => (typeof name === 'string' ? tipoOf(name) : name),
      z.enum(names, `must be one of ${names.join(', ')}`),
    )
    .optional(),
  status: z
    .preprocess(
      text => (typeof text === 'string' ? text.toLowerCase() : text),
      z.enum(eventStates, `must be one of ${eventStates.join(', ')}`),
    )
    .optional(),
  partnerId: z.uuid().optional().describe('an admin sees the events of everybody, a partner only their own'),
  from: z.iso.datetime({ offset: true }).optional().describe('received at this time or later'),
  to: z.iso.datetime({ offset: true }).optional().describe('received before this time'),
})

/** `GET /events`, newest first. */
export const listEvents: Route<Config> = (app, resources) => {
  const schema = { summary: 'List events', tags: ['events'], querystring, response: { 200: pageOf(eventView) } }
  const options = { config: { access: ['partner', 'admin'] }, schema, onRequest: limitPartner(resources) }

  app.get('/events', options, async request => {
    const { limit, cursor, tipo, status, from, to } = request.query
    const before = decodeCursor(cursor, z.tuple([z.uuid()]))
    const partnerId = partnerSeen(callerOf(request), request.query.partnerId)
    const rows = await resources.db
      .select()
      .from(events)
      .where(
        and(
          before ? lt(events.id, before[0]) : undefined,
          tipo ? eq(events.kind, kindOf(tipo)) : undefined,
          status ? eq(events.state, status) : undefined,
          partnerId ? eq(events.partnerId, partnerId) : undefined,
          // An id tells when it was made, so times need no index of their own.
          from ? gte(events.id, firstIdAt(new Date(from))) : undefined,
          to ? lt(events.id, firstIdAt(new Date(to))) : undefined,
        ),
      )
      .orderBy(desc(events.id))
      .limit(limit + 1)
    return page(rows.map(toView), limit, ({ id }) => [id])
  })
}
