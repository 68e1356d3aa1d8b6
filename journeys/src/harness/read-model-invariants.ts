import { compare } from './invariants.ts'
import type { Told, ToldTwice } from './read-model.ts'
import type { OutboxRow, ShopSnapshot } from './shop-snapshot.ts'

type Invariant = (snapshot: ShopSnapshot) => string[]

/** What holds of the read model: each row is what its owner's messages add up to, and no event of an order is forgotten. */
export const readModelInvariants: Readonly<Record<string, Invariant>> = {
  I10({ readModel: { kinds, timeline }, outbox, foreign }) {
    const ofOrders = new Set(outbox.filter(isOrderEvent).map(({ id }) => id))
    const known = new Set([...outbox, ...foreign].flatMap(({ id }) => id ?? []))
    const told = timeline.map(({ messageId }) => messageId)
    return [
      ...kinds.flatMap(differences),
      ...compare(
        [...ofOrders],
        told.filter(id => ofOrders.has(id)),
        'entries in the timeline',
      ),
      ...told.filter(id => !known.has(id)).map(id => `the timeline tells of message ${id}, which nobody published`),
    ]
  },
}

function isOrderEvent({ type, queue }: OutboxRow): boolean {
  return type.startsWith('order.') && type !== 'order.refused' && queue === null
}

/** Where the read model shows something else than the owner. */
export function differences({ kind, owner, model }: ToldTwice): string[] {
  const rows = new Map(model.map(row => [row.id, row]))
  const owned = new Set(owner.map(({ id }) => id))
  return [
    ...owner.filter(row => !isToldBy(row, rows.get(row.id))).map(row => differs(kind, row, rows.get(row.id))),
    ...model
      .filter(({ id }) => !owned.has(id))
      .map(({ id }) => `the read model has ${kind} ${id}, which does not exist`),
  ]
}

function isToldBy(row: Told, told: Told | undefined): boolean {
  if (row.gone && (told === undefined || told.gone)) return true
  return told?.shows === row.shows && !told.gone
}

function differs(kind: string, { shows, gone }: Told, told: Told | undefined): string {
  return `the read model shows ${told?.shows ?? 'nothing'} of ${gone ? 'deleted ' : ''}${kind} ${shows}`
}
