import { decodeCursor, page, pageOf, pageQuery, type Database, type Route } from '@feira/chassis'
import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { deliveries, deliveryAttempts } from '../schema.ts'
import { eventPath, readEvent } from '../visible-events.ts'

const attemptView = z.object({
  number: z.int().describe('1 for the first'),
  url: z.string().nullable().describe('where it went, without the query; null once the partner is erased'),
  startedAt: z.date(),
  endedAt: z.date().nullable().describe('null while it goes on, and for good if its process died meanwhile'),
  durationMs: z.int().nullable(),
  delivered: z.boolean().nullable(),
  httpStatus: z.int().nullable().describe('null when there was no answer'),
  error: z.string().nullable(),
})

const deliveryView = z
  .object({
    id: z.uuid().describe('header `webhook-id`'),
    type: z.enum(['event.completed', 'event.refused', 'event.dead']),
    status: z.enum(['pending', 'delivered', 'failed']),
    createdAt: z.date(),
    updatedAt: z.date(),
    attempts: z.array(attemptView),
  })
  .meta({ id: 'Delivery' })

/** `GET /events/:id/deliveries`: what its partner was told of an event, and every attempt at it, oldest first. */
export const listDeliveries: Route<Config> = (app, resources) => {
  const { db } = resources
  const schema = {
    summary: 'List the webhooks of an event, with every attempt',
    tags: ['events'],
    params: eventPath,
    querystring: z.strictObject(pageQuery),
    response: { 200: pageOf(deliveryView) },
  }
  const options = { config: { access: ['partner', 'admin'] }, schema, onRequest: limitPartner(resources) }

  app.get('/events/:id/deliveries', options, async request => {
    const { limit, cursor } = request.query
    const after = decodeCursor(cursor, z.tuple([z.uuid()]))
    const event = await readEvent(db, request, request.params.id)
    const rows = await db
      .select()
      .from(deliveries)
      .where(and(eq(deliveries.eventId, event.id), after && gt(deliveries.id, after[0])))
      .orderBy(asc(deliveries.id))
      .limit(limit + 1)
    const found = page(rows, limit, row => [row.id])
    const attempts = await attemptsOf(db, found.items)
    return { ...found, items: found.items.map(row => ({ ...row, attempts: attempts.get(row.id) ?? [] })) }
  })
}

async function attemptsOf(db: Database, rows: readonly { readonly id: string }[]) {
  const ids = rows.map(({ id }) => id)
  const { deliveryId, number } = deliveryAttempts
  const found = await db.select().from(deliveryAttempts).where(inArray(deliveryId, ids)).orderBy(asc(number))
  return Map.groupBy(found.map(withDuration), attempt => attempt.deliveryId)
}

function withDuration(attempt: typeof deliveryAttempts.$inferSelect) {
  const { startedAt, endedAt } = attempt
  return { ...attempt, durationMs: endedAt && endedAt.getTime() - startedAt.getTime() }
}
