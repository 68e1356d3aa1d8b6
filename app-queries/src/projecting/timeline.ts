import type { Received, Transaction } from '@feira/chassis'

/** Something that happened to an order. */
export interface Happening {
  readonly message: Received
  readonly orderId: string
  readonly userId: string | null
  readonly version: number
  /** Never about a person: the timeline outlives those of whom it tells. */
  readonly note: string | null
}

/** The channel on which whoever streams the timeline hears, in every replica, that it has grown. */
export const timelineChannel = 'timeline'

/** Names an advisory lock of this database. */
const timelineLock = 2_002

/**
 * Adds what happened, each message once. The last that a transaction does: from here to its commit no other adds anything,
 * so that positions are in the order of commits, and whoever has read one will find nothing new below it.
 *
 * NOTIFY makes commits wait for each other too, which is why nobody else here uses it. Those who come here wait anyway, and
 * one notification tells of a whole batch; in return, streams need not ask the database every few milliseconds.
 * @param service who published the messages.
 */
export async function appendToTimeline({ query }: Transaction, service: string, happenings: readonly Happening[]) {
  if (happenings.length === 0) return
  const appending = {
    name: 'append-to-timeline',
    text: appendText,
    values: [
      service,
      happenings.map(({ message }) => message.id),
      happenings.map(({ message }) => message.type),
      happenings.map(({ message }) => message.trace.traceId),
      happenings.map(({ message }) => message.publishedAt?.toISOString() ?? null),
      happenings.map(({ orderId }) => orderId),
      happenings.map(({ userId }) => userId),
      happenings.map(({ version }) => version),
      happenings.map(({ note }) => note),
    ],
  }
  // Both travel together; PostgreSQL begins the second when the first has the lock.
  await Promise.all([
    query({ name: 'lock-timeline', text: 'select pg_advisory_xact_lock($1)', values: [timelineLock] }),
    query(appending),
  ])
}

const appendText = `
  with added as (
    insert into timeline (service, message_id, type, trace_id, published_at, projected_at, order_id, user_id, version, note)
    select $1, message_id, type, trace_id, coalesce(published_at, clock_timestamp()), clock_timestamp(),
      order_id, user_id, version, note
    from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[], $7::uuid[], $8::int[], $9::text[])
      as t (message_id, type, trace_id, published_at, order_id, user_id, version, note)
    order by coalesce(published_at, clock_timestamp()), version
    on conflict (message_id) do nothing returning 1)
  select pg_notify('${timelineChannel}', '') where exists (select from added)`
