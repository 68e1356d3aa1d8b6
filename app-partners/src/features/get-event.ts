import { versioned, type Route } from '@feira/chassis'
import { asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { eventView, toView } from '../event-view.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { eventPath, readEvent } from '../visible-events.ts'
import { eventSteps } from '../schema.ts'

const stepView = z
  .object({ status: eventView.shape.status, detail: z.string().nullable(), at: z.iso.datetime() })
  .meta({ id: 'EventStep' })

const wholeView = eventView.extend({ history: z.array(stepView).describe('oldest first') }).meta({ id: 'WholeEvent' })

/** `GET /events/:id`, with its history. */
export const getEvent: Route<Config> = (app, resources) => {
  const { db } = resources
  const schema = { summary: 'Read one event', tags: ['events'], params: eventPath, response: { 200: wholeView } }
  const options = {
    config: { access: ['partner', 'admin'], conditional: true },
    schema,
    onRequest: limitPartner(resources),
  }

  app.get('/events/:id', options, async (request, reply) => {
    const event = await readEvent(db, request, request.params.id)
    // A step is written with the version that it makes, so those that came since the event was read are left out.
    const steps = await db
      .select()
      .from(eventSteps)
      .where(eq(eventSteps.eventId, event.id))
      .orderBy(asc(eventSteps.number))
    const history = steps
      .filter(({ number }) => number <= event.version)
      .map(({ state, detail, at }) => ({ status: state, detail, at: at.toISOString() }))
    return versioned(request, reply, event.version, { ...toView(event), history })
  })
}
