import { annotate, sendAnswer, type Answer, type Route, type Transaction } from '@feira/chassis'
import type { z } from 'zod'
import type { Config } from '../config.ts'
import { takenView } from '../event-view.ts'
import { newEvent, unknownType, type NewEvent } from '../intake/new-event.ts'
import { writeEvents, type Taken } from '../intake/write-events.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { partnerOf } from '../partners/partner-of.ts'
import { kindOf } from '../strategies/index.ts'

/** `POST /events` → `partners.event`, which begins its first attempt. */
export const receiveEvent: Route<Config> = (app, resources) => {
  const options = {
    config: { access: ['partner'] },
    schema: { summary: 'Send an event', tags: ['events'], body: newEvent, response: { 202: takenView } },
    onRequest: limitPartner(resources),
    preValidation: async ({ body }: { readonly body: unknown }) => {
      const refusal = unknownType(body)
      if (refusal) throw refusal
    },
  }

  app.post('/events', options, async (request, reply) => {
    const partner = partnerOf(request)
    annotate({ partnerId: partner.id, eventType: kindOf(request.body.tipo) })
    return sendAnswer(reply, await resources.transactOnce(request, tx => take(tx, partner.id, request.body)))
  })
}

/** @throws Rejection 422 when the partner used its `evento_id` for something else. */
async function take(tx: Transaction, partnerId: string, event: NewEvent): Promise<Answer<z.infer<typeof takenView>>> {
  const [taken] = (await writeEvents(tx, partnerId, [event])) as [Taken]
  if ('refused' in taken) throw taken.refused
  annotate({ eventId: taken.id })
  // The same to whoever sends it again, whatever has become of it: that is to be asked at its location.
  return { status: 202, headers: { location: `/events/${taken.id}` }, body: { id: taken.id, status: 'received' } }
}
