import { decodeCursor, page, pageOf, pageQuery, type Database, type Page } from '@feira/chassis'
import { and, asc, eq, gt } from 'drizzle-orm'
import { z } from 'zod'
import { timeline } from '../schema.ts'

/** Something that happened to an order, as HTTP shows it. */
export const timelineEntry = z
  .object({
    position: z.int().describe('grows with every event that this service learns of'),
    orderId: z.uuid(),
    type: z.string().describe('of the message, e.g. `order.paid`'),
    service: z.string().describe('which one published it'),
    version: z.int().nullable().describe('of what the message speaks of: the order, its invoice, a notification'),
    note: z.string().nullable().describe('what it says in a word, e.g. the number of the invoice'),
    at: z.iso.datetime().describe('when it was published'),
    lagMs: z.int().describe('milliseconds from then until it was here'),
    traceId: z.string(),
    messageId: z.string(),
  })
  .meta({ id: 'TimelineEntry' })

export type TimelineEntry = z.infer<typeof timelineEntry>

export const orderTimeline = pageOf(timelineEntry)

/** The query parameters of {@link readOrderTimeline}. */
export const orderTimelineQuery = z.strictObject(pageQuery)

const cursorKey = z.tuple([z.int()])

/**
 * One page of what happened to an order, in the order in which this service learned of it. Whether the caller may see it
 * is for `orderVisibleTo` to say.
 * @throws Rejection `invalid-request` for a cursor that this list did not give out.
 */
export async function readOrderTimeline(
  db: Database,
  orderId: string,
  { limit, cursor }: z.output<typeof orderTimelineQuery>,
): Promise<Page<TimelineEntry>> {
  const after = decodeCursor(cursor, cursorKey)
  const rows = await db
    .select()
    .from(timeline)
    .where(and(eq(timeline.orderId, orderId), after ? gt(timeline.position, after[0]) : undefined))
    .orderBy(asc(timeline.position))
    .limit(limit + 1)
  return page(rows.map(toTimelineEntry), limit, ({ position }) => [position])
}

export function toTimelineEntry(row: typeof timeline.$inferSelect): TimelineEntry {
  const { position, orderId, type, service, version, note, publishedAt, projectedAt, traceId, messageId } = row
  return {
    position,
    orderId,
    type,
    service,
    version,
    note,
    at: publishedAt.toISOString(),
    // Two machines' clocks may differ by more than the message took.
    lagMs: Math.max(0, projectedAt.getTime() - publishedAt.getTime()),
    traceId,
    messageId,
  }
}
