import { toTimelineEntry } from '../reading/order-timeline.ts'
import type { timeline } from '../schema.ts'

/** A row of the timeline, ready to be sent. */
export interface TimelineEvent {
  readonly position: number
  /** As https://html.spec.whatwg.org/multipage/server-sent-events.html has it. */
  readonly text: string
}

/** Writes a row down as an event, whose id is its position: what a client sends back as `Last-Event-ID`. */
export function toEvent(row: typeof timeline.$inferSelect): TimelineEvent {
  const { position, ...data } = toTimelineEntry(row)
  return { position, text: `id: ${position}\nevent: ${row.type}\ndata: ${JSON.stringify(data)}\n\n` }
}
