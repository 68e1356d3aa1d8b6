import { callerOf, isAdmin, Rejection, type Caller, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { liveOf } from '../live/live.ts'
import { eventStream, streamHeaders } from '../live/request.ts'
import { everything, ofUser, type Topic } from '../live/topic.ts'

const schema = {
  summary: 'Follow orders live',
  description: 'Server-sent events from now on, or all since the event of `Last-Event-ID`.',
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

/** `GET /q/timeline`: whatever happens to the caller's orders; for an admin, to all. */
export const followOwnOrders: Route<Config> = (app, resources) => {
  const live = liveOf(resources)
  const config = { access: ['user', 'admin'] }

  // HEAD would follow, too, and send nothing.
  app.get('/q/timeline', { config, schema, exposeHeadRoute: false }, async (request, reply) => {
    const topic = topicFor(callerOf(request), request.query.userId)
    live.admit(request, reply)
    return live.follow(request, reply, topic, request.headers['last-event-id'])
  })
}

function topicFor(caller: Caller, userId: string | undefined): Topic {
  if (isAdmin(caller)) return userId === undefined ? everything : ofUser(userId)
  if (userId === undefined || userId === caller.id) return ofUser(caller.id)
  throw new Rejection('role-missing', 403, "Only an admin follows other users' orders.", {
    fields: [{ in: 'query', field: 'userId', message: 'is not you' }],
  })
}
