import { every, type Query } from '@feira/chassis'
import { leadEvents, lockEvents } from '../advancing/lead-events.ts'
import type { Config } from '../config.ts'
import { internalError } from '../domain/pipeline.ts'

/**
 * An event whose attempt could not even be noted, because it killed its process, say, is dead when its message is: its
 * partner is told, and may have it tried again.
 */
export const buryAbandonedEvents = every<Config>('bury-abandoned-events', '2s', async resources => {
  const queue = `${resources.config.BROKER_NAMESPACE}partners.on-partners-event`
  if ((await findAbandoned(resources.query, queue)).length === 0) return
  await resources.transact(async tx => {
    const ids = await findAbandoned(tx.query, queue, 'for update of e skip locked')
    const happenings = ids.map(eventId => ({ eventId, signal: { type: 'abandon', reason: internalError } as const }))
    await leadEvents(tx, await lockEvents(tx, ids), happenings, resources)
  })
})

/** The events that wait for messages which are dead; one that changed since then, by a retry, waits for another message. */
async function findAbandoned(query: Query, queue: string, locking = ''): Promise<string[]> {
  const { rows } = await query<{ id: string }>({
    text: `select e.id from chassis.dead_letters d
           join events e on e.id = case when d.reason <> 'malformed' then d.aggregate_id::uuid end
           where d.queue = $1 and d.replayed_at is null and e.state in ('received', 'retrying') and e.due_at is null
             and e.updated_at < d.died_at
           order by e.id limit 200 ${locking}`,
    values: [queue],
  })
  return rows.map(({ id }) => id)
}
