import { callerOf, mayAccess, ownerFilter, rejections, type Caller, type Database } from '@feira/chassis'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { events, type EventRow } from './schema.ts'

type Request = Parameters<typeof callerOf>[0]

/** The path of whatever concerns one event. */
export const eventPath = z.object({ id: z.uuid() })

/** An event of the caller, or any for an admin. @throws Rejection 404 for one that is not there or another partner's. */
export async function readEvent(db: Database, request: Request, id: string): Promise<EventRow> {
  const [event] = await db.select().from(events).where(eq(events.id, id))
  if (!event || !mayAccess(callerOf(request), event.partnerId)) throw rejections.notFound('event', id)
  return event
}

/**
 * Whose events are listed or counted; undefined for everybody's.
 * @throws Rejection 403 when a partner asks for another one's.
 */
export function partnerSeen(caller: Caller, partnerId: string | undefined): string | undefined {
  return ownerFilter(caller, partnerId, { field: 'partnerId', refusal: "Only an admin sees other partners' events." })
}
