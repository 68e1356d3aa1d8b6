import { newId } from '../ids.ts'
import type { Query } from '../service.ts'

/** Milliseconds. */
const day = 86_400_000

/** What a replay takes: one dead letter, all of one cause, or all. */
export type ReplaySelection = { readonly id: string } | { readonly fingerprint: string } | { readonly all: true }

/**
 * Sends dead letters back to the queue they died in, through the outbox, under their own message ids and with fresh
 * attempts. Malformed ones would only die again and stay; so do those that are too old, see {@link isTooOld}.
 * @param maxAge milliseconds since they died, at most.
 * @returns how many.
 */
export async function replayDeadLetters(query: Query, selection: ReplaySelection, maxAge = 30 * day): Promise<number> {
  let replayed = 0
  for await (const ids of replayableIds(query, selection, maxAge)) replayed += await replay(query, ids)
  return replayed
}

/** How many dead letters a replay would take. */
export async function countReplayable(query: Query, selection: ReplaySelection, maxAge = 30 * day): Promise<number> {
  let count = 0
  for await (const ids of replayableIds(query, selection, maxAge)) count += ids.length
  return count
}

/**
 * Whether a dead letter waits to be replayed but is older than the inbox: a copy of it may have been handled, and that be
 * forgotten.
 */
export async function isTooOld(query: Query, id: string, maxAge: number): Promise<boolean> {
  const { rowCount } = await query({
    text: `select from chassis.dead_letters where id = $1 and replayed_at is null and not (${youngText('$2')})`,
    values: [id, maxAge / 1_000],
  })
  return rowCount === 1
}

const youngText = (seconds: string) => `died_at > now() - make_interval(secs => ${seconds})`

/** Dead letters read at a time. */
const portion = 500

async function* replayableIds(query: Query, selection: ReplaySelection, maxAge: number): AsyncGenerator<string[]> {
  // What dies again meanwhile is not part of it.
  const until = newId()
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const { rows } = await query<{ id: string; payload: string }>({
      text: `select id, payload from chassis.dead_letters
             where replayed_at is null and reason <> 'malformed' and id > $1 and id < $2 and ${youngText('$3')}
               and ${conditionOf(selection)}
             order by id limit ${portion}`,
      values: [after, until, maxAge / 1_000, ...valuesOf(selection)],
    })
    yield rows.filter(row => fitsJsonb(row.payload)).map(row => row.id)
    after = rows.at(-1)?.id ?? until
    if (rows.length < portion) return
  }
}

async function replay(query: Query, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  const { rowCount } = await query({
    text: `with replayed as (
             update chassis.dead_letters set replayed_at = now()
             where id = any($1::uuid[]) and replayed_at is null returning *)
           insert into chassis.outbox (id, message_id, type, queue, aggregate_type, aggregate_id, aggregate_version,
             payload, subject_id, personal_fields, headers)
           select chosen.outbox_id, message_id, type, queue, coalesce(headers ->> 'aggregate-type', ''),
             coalesce(aggregate_id, ''),
             case when headers ->> 'aggregate-version' ~ '^[0-9]{1,15}$' then (headers ->> 'aggregate-version')::bigint end,
             payload::jsonb, subject_id, personal_fields,
             (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each_text(headers) where key in
               ('traceparent', 'tracestate', 'baggage', 'correlation-id', 'caused-by', 'published-at'))
           from replayed join unnest($1::uuid[], $2::uuid[]) as chosen (id, outbox_id) using (id)`,
    values: [ids, ids.map(() => newId())],
  })
  return rowCount ?? 0
}

// What the broker gave up by itself nobody has looked at, and one payload that jsonb refuses would stop all replays.
function fitsJsonb(payload: string): boolean {
  try {
    // Written again, whatever could be written plainly is, so what is still escaped cannot: NUL and half surrogates.
    return !/(?<!\\)(\\\\)*\\u(0000|d[89a-f]..)/.test(JSON.stringify(JSON.parse(payload)))
  } catch {
    return false
  }
}

function conditionOf(selection: ReplaySelection): string {
  if ('id' in selection) return 'id = $4'
  return 'fingerprint' in selection ? 'fingerprint = $4' : 'true'
}

function valuesOf(selection: ReplaySelection): string[] {
  if ('id' in selection) return [selection.id]
  return 'fingerprint' in selection ? [selection.fingerprint] : []
}
