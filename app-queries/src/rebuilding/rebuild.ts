import { newId, Rejection, type Query, type Resources, type Transaction } from '@feira/chassis'
import { snapshotRequested } from '@feira/contracts/snapshots'
import { everything, evict } from '../projecting/evict.ts'
import { lockModels } from '../projecting/models.ts'
import type { RebuildState } from '../schema.ts'
import { kinds, type KindProgress } from './kinds.ts'
import { analyzeShadow, createShadow, dropShadow, holdTables, isOutdated, switchToShadow } from './shadow.ts'

/** Where the answers come in. */
const replyQueue = 'queries.on-snapshot'

export interface Rebuild {
  readonly requestId: string
  readonly state: RebuildState
  readonly startedAt: Date
  readonly finishedAt: Date | null
  /** Milliseconds from its start to its end, or to now. */
  readonly durationMs: number
  /** Milliseconds since something came in answer or a process started to wait for that, or since it ended. */
  readonly idleMs: number
  /** Why it failed. */
  readonly reason: string | null
  readonly kinds: readonly KindProgress[]
}

/** The rebuild that runs, or else the last; not by their ids, as the clocks of replicas may differ. */
export async function findNewest(query: Query): Promise<Rebuild | undefined> {
  const { rows } = await query<Rebuild & Record<string, unknown>>({
    name: 'find-newest-rebuild',
    text: `
      select request_id as "requestId", state, started_at as "startedAt", finished_at as "finishedAt", reason,
        floor(extract(epoch from coalesce(finished_at, now()) - started_at) * 1000)::float8 as "durationMs",
        floor(extract(epoch from now() - coalesce(finished_at, progressed_at)) * 1000)::float8 as "idleMs",
        (select json_agg(json_build_object('kind', kind, 'expected', expected, 'received', received)
           order by array_position($1::text[], kind))
         from rebuild_kinds k where k.request_id = rebuilds.request_id) as kinds
      from rebuilds order by state = 'running' desc, started_at desc limit 1`,
    values: [kinds],
  })
  return rows[0]
}

/**
 * Makes the shadow of the model and asks all owners for what it is to hold.
 * @throws Rejection 409 while another rebuild runs.
 */
export async function startRebuild(tx: Transaction): Promise<void> {
  await lockModels(tx)
  if ((await findNewest(tx.query))?.state === 'running')
    throw new Rejection('rebuild-running', 409, 'A rebuild is running; GET /q/rebuild tells how far it has come.')
  await begin(tx)
}

/** Starts the rebuild by which a new read model fills itself, unless there was one before. */
export async function startFirstRebuild(tx: Transaction): Promise<void> {
  await lockModels(tx)
  if (!(await findNewest(tx.query))) await begin(tx)
}

/** Gives the rebuild that runs its whole time again: while no process ran, what was sent could only wait. */
export async function resumeRebuild({ query }: Pick<Resources, 'query'>): Promise<void> {
  await query({ text: `update rebuilds set progressed_at = clock_timestamp() where state = 'running'` })
}

async function begin(tx: Transaction): Promise<void> {
  const requestId = newId()
  await tx.query({
    text: `insert into rebuilds (request_id, state, started_at, progressed_at) values ($1, 'running', now(), now())`,
    values: [requestId],
  })
  await tx.query({
    text: 'insert into rebuild_kinds (request_id, kind) select $1, unnest($2::text[])',
    values: [requestId, kinds],
  })
  await createShadow(tx.query)
  tx.publish(snapshotRequested, { requestId, kinds: [...kinds], replyQueue })
}

/** How many rows of a kind came, or how many its owner says it has sent. */
export interface Progress {
  readonly kind: string
  readonly received: number
  readonly expected: number | null
}

/** Notes what came in answer to the rebuild that runs. The inbox sees to it that each row is counted once. */
export async function noteProgress({ query }: Transaction, requestId: string, progress: readonly Progress[]) {
  // This row first: those who count at the same time wait for each other here, and never in a circle.
  await query({
    name: 'note-rebuild-progress',
    text: 'update rebuilds set progressed_at = clock_timestamp() where request_id = $1',
    values: [requestId],
  })
  await query({
    name: 'count-rebuild-progress',
    text: `
      update rebuild_kinds k set received = k.received + t.received, expected = coalesce(k.expected, t.expected)
      from (select kind, sum(received) as received, max(expected) as expected
            from unnest($2::text[], $3::int[], $4::int[]) as given (kind, received, expected) group by kind) as t
      where k.request_id = $1 and k.kind = t.kind`,
    values: [
      requestId,
      progress.map(({ kind }) => kind),
      progress.map(({ received }) => received),
      progress.map(({ expected }) => expected),
    ],
  })
}

/**
 * Puts the shadow in the model's place, in one moment.
 * @returns whether it did: not if a migration has changed the model until that moment, which the shadow would undo.
 */
export async function completeRebuild(tx: Transaction, requestId: string): Promise<boolean> {
  await analyzeShadow(tx.query)
  await lockModels(tx)
  await holdTables(tx.query)
  if (await isOutdated(tx.query)) return false
  await switchToShadow(tx.query)
  await finish(tx, requestId, 'completed', null)
  evict(tx, [everything])
  return true
}

/** Gives a rebuild up; what is read was not touched by it. */
export async function failRebuild(tx: Transaction, requestId: string, reason: string): Promise<void> {
  await lockModels(tx)
  await dropShadow(tx.query)
  await finish(tx, requestId, 'failed', reason)
}

async function finish({ query }: Transaction, requestId: string, state: RebuildState, reason: string | null) {
  await query({
    text: `update rebuilds set state = $2, reason = $3, finished_at = clock_timestamp() where request_id = $1`,
    values: [requestId, state, reason],
  })
}
