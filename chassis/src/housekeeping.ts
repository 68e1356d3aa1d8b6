import type { BaseConfig } from './config.ts'
import { firstIdAt } from './ids.ts'
import { every } from './jobs.ts'
import type { Query } from './service.ts'

type Settings = Pick<BaseConfig, 'OUTBOX_RETENTION' | 'INBOX_RETENTION' | 'IDEMPOTENCY_RETENTION'>

const batchSize = 5_000

/** Removes what has been kept long enough. */
export const housekeeping = every('housekeeping', '10m', ({ query, config }) => purge(query, config))

/** One round of {@link housekeeping}, in batches so that no statement holds many locks. */
export async function purge(query: Query, settings: Settings): Promise<void> {
  // The database's clock wrote the times; this process' own may be wrong.
  const { rows } = await query<{ now: Date }>({ text: 'select now()' })
  const before = (retention: number) => new Date((rows[0]?.now.getTime() ?? 0) - retention)
  const published = before(settings.OUTBOX_RETENTION)
  await untilNone(query, outboxText, [firstIdAt(published), published])
  await untilNone(query, lettersText, [published])
  await untilNone(query, inboxText, [before(settings.INBOX_RETENTION)])
  await untilNone(query, keysText, [before(settings.IDEMPOTENCY_RETENTION)])
  await untilNone(query, suspectsText, [before(settings.INBOX_RETENTION)])
}

// The id, which is a time too, has an index; `published_at` counts for what had to wait for its queue.
const outboxText = `delete from chassis.outbox where id in (
  select id from chassis.outbox where id < $1 and published_at < $2 limit ${batchSize})`
// What has not been replayed waits for somebody to look at it.
const lettersText = purgeText('dead_letters', 'replayed_at')
const inboxText = purgeText('processed_messages', 'processed_at')
const keysText = purgeText('idempotency_keys', 'created_at')
const suspectsText = purgeText('suspect_messages', 'seen_at')

function purgeText(table: string, column: string): string {
  return `delete from chassis.${table} where ctid = any(array(
    select ctid from chassis.${table} where ${column} < $1 limit ${batchSize}))`
}

async function untilNone(query: Query, text: string, values: unknown[]): Promise<void> {
  let deleted: number
  do deleted = (await query({ text, values })).rowCount ?? 0
  while (deleted === batchSize)
}
