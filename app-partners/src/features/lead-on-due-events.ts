import { every, type Resources } from '@feira/chassis'
import { asc, lte } from 'drizzle-orm'
import { leadEvents } from '../advancing/lead-events.ts'
import type { Config } from '../config.ts'
import { events } from '../schema.ts'

const batchSize = 200

/** An event whose answer is overdue waits for its next attempt, or is dead; one whose next attempt is due begins it. */
export const leadOnDueEvents = every<Config>('lead-on-due-events', '250ms', async (resources, signal) => {
  const { rowCount } = await resources.query({ text: 'select 1 from events where due_at <= now() limit 1' })
  if (rowCount === 0) return
  while (!signal.aborted && (await leadSome(resources)) === batchSize) continue
})

/** @returns how many events were due. What another replica works on is left to it. */
function leadSome(resources: Resources<Config>): Promise<number> {
  return resources.transact(async tx => {
    const due = await tx.db
      .select()
      .from(events)
      .where(lte(events.dueAt, new Date()))
      .orderBy(asc(events.dueAt))
      .limit(batchSize)
      .for('update', { skipLocked: true })
    const locked = new Map(due.map(row => [row.id, row]))
    const happenings = due.map(({ id }) => ({ eventId: id, signal: { type: 'due' } as const }))
    await leadEvents(tx, locked, happenings, resources)
    return due.length
  })
}
