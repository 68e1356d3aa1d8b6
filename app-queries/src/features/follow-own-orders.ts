import { callerOf, ownerFilter, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { liveOf } from '../live/live.ts'
import { eventStream, streamHeaders } from '../live/request.ts'
import { everything, ofUser } from '../live/topic.ts'

const schema = {
  summary: 'Follow orders live',
  description:
    'Server-sent events from now on, or all since the event of `Last-Event-ID`; 429 `too-many-streams` to whoever has 10 ' +
    'already.',
  tags: ['timeline'],
  querystring: z.strictObject({
    userId: z
      .uuid()
      .toLowerCase()
      .optional()
      .describe('an admin follows the orders of everybody, a user only their own'),
  }),
  headers: streamHeaders,
  response: { 200: { content: { 'text/event-stream': { schema: eventStream } } } },
}

const refusal = "Only an admin follows other users' orders."

/** `GET /q/timeline`: whatever happens to the caller's orders; for an admin, to all. */
export const followOwnOrders: Route<Config> = (app, resources) => {
  const live = liveOf(resources)
  const config = { access: ['user', 'admin'] }

  // HEAD would follow, too, and send nothing.
  app.get('/q/timeline', { config, schema, exposeHeadRoute: false }, async (request, reply) => {
    const userId = ownerFilter(callerOf(request), request.query.userId, { field: 'userId', refusal })
    live.admit(request, reply)
    const topic = userId === undefined ? everything : ofUser(userId)
    return live.follow(request, reply, topic, request.headers['last-event-id'])
  })
}
