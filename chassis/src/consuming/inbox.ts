import type { Query } from '../service.ts'

/** How often a message may come back without an answer before it is taken for one that kills its process. */
export const suspectLimit = 5

/**
 * Marks messages as handled by a consumer, in the transaction of their effects. A replica that works on the same message
 * at the same time makes this wait, so that only one of them goes on.
 * @returns the ids that had not been handled before.
 */
export async function claimMessages(query: Query, consumer: string, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await query<{ message_id: string }>({
    name: 'inbox-claim',
    // In one order everywhere: two replicas that claim the same messages must not wait for each other in a circle.
    text: `insert into chassis.processed_messages (consumer, message_id)
           select $1, id from unnest($2::text[]) as id order by id on conflict do nothing returning message_id`,
    values: [consumer, ids],
  })
  return new Set(rows.map(row => row.message_id))
}

/** Whether a consumer has handled a message. */
export async function wasHandled(query: Query, consumer: string, id: string): Promise<boolean> {
  const { rowCount } = await query({
    name: 'inbox-look',
    text: 'select 1 from chassis.processed_messages where consumer = $1 and message_id = $2',
    values: [consumer, id],
  })
  return rowCount === 1
}

/** Takes a mark back. */
export async function forgetMessage(query: Query, consumer: string, id: string): Promise<void> {
  await query({
    name: 'inbox-forget',
    text: 'delete from chassis.processed_messages where consumer = $1 and message_id = $2',
    values: [consumer, id],
  })
}

/**
 * Notes, before it is handled, that a message came back without an answer.
 * @returns how often it has by now.
 */
export async function noteSuspect(query: Query, consumer: string, id: string): Promise<number> {
  const { rows } = await query<{ deliveries: number }>({
    text: `insert into chassis.suspect_messages as known (consumer, message_id, deliveries) values ($1, $2, 1)
           on conflict (consumer, message_id) do update set deliveries = known.deliveries + 1, seen_at = now()
           returning deliveries`,
    values: [consumer, id],
  })
  return rows[0]?.deliveries ?? 1
}

/** The message got its answer. */
export async function clearSuspect(query: Query, consumer: string, id: string): Promise<void> {
  await query({
    text: 'delete from chassis.suspect_messages where consumer = $1 and message_id = $2',
    values: [consumer, id],
  })
}
