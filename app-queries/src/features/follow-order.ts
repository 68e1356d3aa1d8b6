import { callerOf, rejections, type Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { liveOf } from '../live/live.ts'
import { acceptsStream, eventStream, streamHeaders } from '../live/request.ts'
import { ofOrder } from '../live/topic.ts'
import { waitForOrder } from '../live/wait-for-order.ts'
import { orderTimeline, orderTimelineQuery, readOrderTimeline } from '../reading/order-timeline.ts'
import { orderVisibleTo } from '../reading/visibility.ts'

const schema = {
  summary: "Read an order's timeline, or follow it live",
  description:
    'With `Accept: text/event-stream` as server-sent events: first what has happened, or what has since the event of ' +
    '`Last-Event-ID`, then each event as it happens; 429 `too-many-streams` to whoever has 10 already. Else one page of ' +
    'what has happened.',
  tags: ['timeline'],
  params: z.object({ id: z.uuid().toLowerCase() }),
  querystring: orderTimelineQuery,
  headers: streamHeaders,
  response: {
    200: { content: { 'application/json': { schema: orderTimeline }, 'text/event-stream': { schema: eventStream } } },
  },
}

/** `GET /q/orders/:id/timeline`; of an order that is not the caller's there is none. */
export const followOrder: Route<Config> = (app, resources) => {
  const { db, query } = resources
  const live = liveOf(resources)
  const config = { access: ['user', 'admin'] }

  // HEAD would follow, too, and send nothing.
  app.get('/q/orders/:id/timeline', { config, schema, exposeHeadRoute: false }, async (request, reply) => {
    const { id } = request.params
    const isVisible = () => orderVisibleTo(query, callerOf(request), id)
    if (acceptsStream(request.headers.accept)) {
      live.admit(request, reply)
      await waitForOrder(live.feed, id, isVisible)
      return live.follow(request, reply, ofOrder(id), request.headers['last-event-id'] ?? 0)
    }
    if (!(await isVisible())) throw rejections.notFound('order', id)
    reply.header('vary', 'accept')
    return readOrderTimeline(db, id, request.query)
  })
}
