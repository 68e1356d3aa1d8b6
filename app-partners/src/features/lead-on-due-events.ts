import { every, type Resources } from '@feira/chassis'
import { and, asc, inArray, lte, sql } from 'drizzle-orm'
import { leadEvents } from '../advancing/lead-events.ts'
import type { Config } from '../config.ts'
import { events } from '../schema.ts'

type Partners = Resources<Config>

const batchSize = 200

/** An event whose answer is overdue waits for its next attempt, or is dead; one whose next attempt is due begins it. */
export const leadOnDueEvents = every<Config>('lead-on-due-events', '250ms', async (resources, signal) => {
  while (!signal.aborted && (await leadSome(resources)) === batchSize) continue
})

/**
 * Leads those on that are due for the longest time; what fails together one by one, so that an event to blame costs only
 * itself.
 * @returns how many were led on.
 */
async function leadSome(resources: Partners): Promise<number> {
  const { rows } = await resources.query<{ id: string }>({
    text: `select id from events where due_at <= now() order by due_at limit ${batchSize}`,
  })
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  try {
    return await lead(resources, ids)
  } catch (error) {
    resources.log.warn({ err: error, events: ids.length }, 'due events are led on one by one')
    for (const id of ids) await leadAlone(resources, id)
    return ids.length
  }
}

/** What another replica works on is left to it, and what it has done already is not due any more. */
function lead({ transact, ...resources }: Partners, ids: readonly string[]): Promise<number> {
  return transact(async tx => {
    const due = await tx.db
      .select()
      .from(events)
      .where(and(inArray(events.id, [...ids]), lte(events.dueAt, sql`now()`)))
      .orderBy(asc(events.id))
      .for('update', { skipLocked: true })
    const locked = new Map(due.map(row => [row.id, row]))
    const happenings = due.map(({ id }) => ({ eventId: id, signal: { type: 'due' } as const }))
    await leadEvents(tx, locked, happenings, resources)
    return due.length
  })
}

// Put off for as long as an answer may take: at the head of those that are due it would be in the way again at once.
async function leadAlone(resources: Partners, eventId: string): Promise<void> {
  try {
    await lead(resources, [eventId])
  } catch (error) {
    resources.log.error({ err: error, eventId }, 'a due event could not be led on')
    const dueAt = new Date(Date.now() + resources.config.PARTNER_ANSWER_TIMEOUT)
    await resources.transact(async ({ query }) => {
      await query({
        text: 'update events set due_at = $2 where id = $1 and due_at <= now()',
        values: [eventId, dueAt],
      })
    })
  }
}
