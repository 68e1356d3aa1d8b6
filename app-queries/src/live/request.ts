import { z } from 'zod'

/** The headers of a request for a stream. */
export const streamHeaders = z.looseObject({
  'last-event-id': z
    .string()
    .regex(/^\d{1,15}$/, 'must be the id of an event of this timeline')
    .transform(Number)
    .optional()
    .describe('the id of the last event that was received: the stream goes on after it; 0 begins at the beginning'),
})

/** The answer to one. */
export const eventStream = z
  .string()
  .describe('server-sent events; the data of each is a `TimelineEntry` without its position, which is its id')

/** Whether a client asks for a stream; not by `*`, which means that it does not care. */
export function acceptsStream(accept = ''): boolean {
  return accept.split(',').some(range => /^\s*text\/event-stream\s*(;|$)/i.test(range))
}
