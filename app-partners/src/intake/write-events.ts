import { createHash } from 'node:crypto'
import { newId, Rejection, type Transaction } from '@feira/chassis'
import { partnersEvent } from '@feira/contracts/partners'
import { kindOf, strategyOf } from '../strategies/index.ts'
import { tallyNew } from '../tallies.ts'
import type { NewEvent } from './new-event.ts'

/** What became of an event that was sent: its id, new or that of the event which it repeats, or why it was refused. */
export type Taken = { readonly id: string; readonly repeated: boolean } | { readonly refused: Rejection }

interface Row {
  readonly id: string
  readonly reference: string | null
  readonly kind: string
  readonly data: NewEvent['dados']
  readonly contentHash: string
}

/**
 * Writes events of a partner, each with its first step and the order to lead it on. An event whose reference (`evento_id`)
 * the partner used before is the event from then, or refused when it says something else; whoever sends the same at the
 * same moment waits.
 * @returns what became of each, in their order.
 */
export async function writeEvents(tx: Transaction, partnerId: string, events: readonly NewEvent[]): Promise<Taken[]> {
  const rows = events.map(toRow)
  const written = await insert(tx, partnerId, rows)
  for (const { id } of rows) if (written.has(id)) tx.publish(partnersEvent, { eventId: id, partnerId })
  const repeated = rows.filter(({ id }) => !written.has(id))
  const known = await findByReference(tx, partnerId, repeated)
  return rows.map(row => (written.has(row.id) ? { id: row.id, repeated: false } : compare(row, known)))
}

function toRow({ tipo, dados, evento_id: reference }: NewEvent): Row {
  const kind = kindOf(tipo)
  const contentHash = createHash('sha256')
    .update(JSON.stringify([kind, strategyOf(kind).meaning(dados)]))
    .digest('hex')
  return { id: newId(), reference: reference ?? null, kind, data: dados, contentHash }
}

/** @returns the ids of those that are new. */
async function insert({ query }: Transaction, partnerId: string, rows: readonly Row[]): Promise<Set<string>> {
  const written = await query<{ id: string }>({
    name: 'insert-events',
    // In one order everywhere, so that batches with the same references do not wait for each other in a circle.
    text: `
      with taken as (
        insert into events (id, partner_id, partner_reference, kind, data, content_hash, state, received_at, updated_at)
        select id, $1, reference, kind, data, content_hash, 'received', $2, $2
        from unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::text[])
          as t (id, reference, kind, data, content_hash)
        order by reference, id
        on conflict (partner_id, partner_reference) where partner_reference is not null do nothing
        returning id, partner_id, kind, state, received_at),
      steps as (
        insert into event_steps (event_id, number, state, at) select id, 1, state, received_at from taken),
      tallies as (${tallyNew('taken')})
      select id from taken`,
    values: [
      partnerId,
      new Date(),
      rows.map(({ id }) => id),
      rows.map(({ reference }) => reference),
      rows.map(({ kind }) => kind),
      rows.map(({ data }) => JSON.stringify(data)),
      rows.map(({ contentHash }) => contentHash),
    ],
  })
  return new Set(written.rows.map(({ id }) => id))
}

interface Known {
  readonly id: string
  readonly reference: string
  readonly contentHash: string
}

// A statement of its own: the one that inserts does not see what others committed while it waited for them.
async function findByReference(
  { query }: Transaction,
  partnerId: string,
  repeated: readonly Row[],
): Promise<ReadonlyMap<string, Known>> {
  if (repeated.length === 0) return new Map()
  const { rows } = await query<Known>({
    name: 'events-by-reference',
    text: `select id, partner_reference as reference, content_hash as "contentHash" from events
           where partner_id = $1 and partner_reference = any($2::text[])`,
    values: [partnerId, repeated.map(({ reference }) => reference)],
  })
  return new Map(rows.map(row => [row.reference, row]))
}

function compare({ reference, contentHash }: Row, known: ReadonlyMap<string, Known>): Taken {
  const first = known.get(reference ?? '')
  if (first?.contentHash === contentHash) return { id: first.id, repeated: true }
  const message = 'was used before for an event that says something else'
  const fields = [{ in: 'body', field: 'evento_id', message }] as const
  return { refused: new Rejection('event-mismatch', 422, `evento_id: ${message}`, { fields }) }
}
