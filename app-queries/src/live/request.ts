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

/** Whether a client asks for a stream, and not rather for JSON; not by `*`, which means that it does not care. */
export function acceptsStream(accept = ''): boolean {
  const wish = weightOf('text/event-stream', accept)
  return wish > 0 && wish >= weightOf('application/json', accept)
}

/** How much a client wants a media type that it names (RFC 9110 §12.4.2): 0 is not at all. */
function weightOf(mediaType: string, accept: string): number {
  const ranges = accept.split(',').map(range => range.split(';').map(part => part.trim().toLowerCase()))
  const named = ranges.find(([name]) => name === mediaType)
  if (!named) return 0
  return Number(named.find(part => part.startsWith('q='))?.slice(2) ?? 1)
}
