import {
  callerOf,
  mayAccess,
  Rejection,
  rejections,
  sendAnswer,
  type Answer,
  type Route,
  type Transaction,
} from '@feira/chassis'
import type { z } from 'zod'
import { leadEvents, lockEvents, type Leading } from '../advancing/lead-events.ts'
import type { Config } from '../config.ts'
import { takenView } from '../event-view.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { eventPath } from '../visible-events.ts'
import type { EventRow } from '../schema.ts'

/** `POST /events/:id/retry` → `partners.event`: another round of attempts for an event that is dead. */
export const retryEvent: Route<Config> = (app, resources) => {
  const schema = {
    summary: 'Try a dead event again',
    tags: ['events'],
    params: eventPath,
    response: { 202: takenView },
  }
  const options = { config: { access: ['partner', 'admin'] }, schema, onRequest: limitPartner(resources) }

  app.post('/events/:id/retry', options, async (request, reply) => {
    const id = request.params.id.toLowerCase()
    const allowed = (event: EventRow) => mayAccess(callerOf(request), event.partnerId)
    return sendAnswer(reply, await resources.transactOnce(request, tx => retry(tx, id, allowed, resources)))
  })
}

async function retry(
  tx: Transaction,
  id: string,
  allowed: (event: EventRow) => boolean,
  leading: Leading,
): Promise<Answer<z.infer<typeof takenView>>> {
  const locked = await lockEvents(tx, [id])
  const event = locked.get(id)
  if (!event || !allowed(event)) throw rejections.notFound('event', id)
  await leadEvents(tx, locked, [{ eventId: id, signal: { type: 'retry' } }], leading)
  const led = locked.get(id) ?? event
  if (led === event) throw notDead(event)
  return { status: 202, headers: { location: `/events/${id}` }, body: { id, status: led.state } }
}

function notDead({ state }: EventRow): Rejection {
  return new Rejection('invalid-transition', 409, `The event is ${state}; only a dead one is tried again.`)
}
