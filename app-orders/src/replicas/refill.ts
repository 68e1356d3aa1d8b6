import { newId, type Query, type Transaction } from '@feira/chassis'
import { snapshotRequested } from '@feira/contracts/snapshots'

/** The kinds of aggregates that orders keep replicas of, as `snapshot.requested` names them. */
export const kinds = ['user', 'product'] as const
export type Kind = (typeof kinds)[number]

/** Where the answers to {@link requestRefill} come in. */
export const replyQueue = 'orders.on-snapshot'

/** What is asked for. */
export interface Wanted {
  readonly kinds?: readonly Kind[]
  /** How many were asked in vain before, and this one. */
  readonly attempt?: number
}

/**
 * Asks the owners for all that the replicas hold, of all kinds unless told otherwise.
 * @returns the id of the request, or of the one that another replica of the service has just made.
 */
export async function requestRefill(tx: Transaction, wanted: Wanted = {}): Promise<string> {
  const { kinds: wantedKinds = kinds, attempt = 1 } = wanted
  const requestId = newId()
  // Replicas that ask at the same moment wait for each other here; only one of them opens a request.
  const { rowCount } = await tx.query({
    text: `insert into refills (request_id, attempt, requested_at) values ($1, $2, now()) on conflict do nothing`,
    values: [requestId, attempt],
  })
  if (rowCount === 0) return (await findOpenRefill(tx.query))?.requestId ?? requestId
  await tx.query({
    text: 'insert into refill_kinds (request_id, kind) select $1, unnest($2::text[])',
    values: [requestId, wantedKinds],
  })
  tx.publish(snapshotRequested, { requestId, kinds: [...wantedKinds], replyQueue })
  return requestId
}

export interface OpenRefill {
  readonly requestId: string
  readonly attempt: number
  /** Milliseconds since it was requested. */
  readonly age: number
  /** The kinds of which not all rows have come. */
  readonly missing: readonly Kind[]
}

const isIncomplete = '(expected is null or received < expected)'

/** The request whose answers have not all come, if there is one. */
export async function findOpenRefill(query: Query): Promise<OpenRefill | undefined> {
  const { rows } = await query<OpenRefill & Record<string, unknown>>({
    text: `select request_id as "requestId", attempt, (extract(epoch from now() - requested_at) * 1000)::float8 as age,
             array(select kind from refill_kinds k where k.request_id = refills.request_id and ${isIncomplete}) as missing
           from refills where completed_at is null and replaced_at is null`,
  })
  return rows[0]
}

/** Gives up on a request, so that there can be another one; what still comes in answer to it is noted all the same. */
export async function replaceRefill(tx: Transaction, requestId: string): Promise<void> {
  await tx.query({
    text: `update refills set replaced_at = now() where request_id = $1 and completed_at is null and replaced_at is null`,
    values: [requestId],
  })
}

/** How many rows of a kind came in, or how many its owner says it has sent. */
export interface Progress {
  readonly requestId: string
  readonly kind: Kind
  readonly received: number
  readonly expected?: number
}

/**
 * Notes what came in answer to requests, and which of them are complete: all rows of all kinds are there, whether the last
 * row came before or after the count. The inbox sees to it that each row is counted once.
 */
export async function noteProgress({ query }: Transaction, progress: readonly Progress[]): Promise<void> {
  const requestIds = progress.map(({ requestId }) => requestId)
  // Two transactions that bring the last rows of two kinds must see each other's, so one waits for the other here.
  await query({
    text: 'select 1 from refills where request_id = any($1::uuid[]) order by request_id for update',
    values: [requestIds],
  })
  await query({
    name: 'note-refill-progress',
    text: `
      update refill_kinds set received = refill_kinds.received + t.received,
        expected = coalesce(refill_kinds.expected, t.expected)
      from (select request_id, kind, sum(received) as received, max(expected) as expected
            from unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) as given (request_id, kind, received, expected)
            group by request_id, kind) as t
      where refill_kinds.request_id = t.request_id and refill_kinds.kind = t.kind`,
    values: [
      requestIds,
      progress.map(({ kind }) => kind),
      progress.map(({ received }) => received),
      progress.map(({ expected }) => expected ?? null),
    ],
  })
  await query({
    name: 'complete-refills',
    text: `update refills set completed_at = now()
           where request_id = any($1::uuid[]) and completed_at is null and not exists (
             select 1 from refill_kinds
             where refill_kinds.request_id = refills.request_id and ${isIncomplete})`,
    values: [requestIds],
  })
}

/**
 * The kinds of which nothing at all is known, not even a tombstone; and products while some lack their SKU, which releases
 * up to 0.1 did not note.
 */
export async function findLackingKinds(query: Query): Promise<readonly Kind[]> {
  const { rows } = await query<{ kind: Kind }>({
    text: `select 'user' as kind where not exists (select 1 from customers)
           union all select 'product' where not exists (select 1 from price_list)
             or exists (select 1 from price_list where sku is null and deleted_at is null)`,
  })
  return rows.map(({ kind }) => kind)
}
