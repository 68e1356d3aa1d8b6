import { versioned, type Route } from '@feira/chassis'
import type { Config } from '../config.ts'
import { statusView, toStatusView } from '../event-view.ts'
import { limitPartner } from '../limits/limit-partner.ts'
import { eventPath, readEvent } from '../visible-events.ts'

/** `GET /events/:id/status` */
export const getEventStatus: Route<Config> = (app, resources) => {
  const schema = {
    summary: 'Read how far an event is',
    tags: ['events'],
    params: eventPath,
    response: { 200: statusView },
  }
  const options = {
    config: { access: ['partner', 'admin'], conditional: true },
    schema,
    onRequest: limitPartner(resources),
  }

  app.get('/events/:id/status', options, async (request, reply) => {
    const event = await readEvent(resources.db, request, request.params.id)
    return versioned(request, reply, event.version, toStatusView(event))
  })
}
