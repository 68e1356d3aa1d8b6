import type { Answer } from './order-book.ts'
import type { OutboxRow, Snapshot } from './snapshot.ts'

/** What a test put into the system besides orders. */
export interface Seeded {
  /** Ids of messages that can never be handled. */
  readonly poison?: readonly string[]
  /** Orders that were announced by somebody other than app-orders. */
  readonly foreign?: readonly { readonly messageId: string; readonly orderId: string; readonly totalCents: number }[]
  /** Orders that have no invoice, because their message is among the poison. */
  readonly uninvoiced?: readonly string[]
  /** Types of messages that nobody listens to. */
  readonly unroutable?: readonly string[]
}

type Invariant = (snapshot: Snapshot, answers: readonly Answer[], seeded: Required<Seeded>) => string[]

/**
 * Holds what the system remembers against what its customers were told.
 * @returns every violation, beginning with the invariant's number; none for a system at rest that works.
 */
export function violations(snapshot: Snapshot, answers: readonly Answer[], seeded: Seeded = {}): string[] {
  const all = { poison: [], foreign: [], uninvoiced: [], unroutable: [], ...seeded }
  return Object.entries(invariants).flatMap(([name, invariant]) =>
    invariant(snapshot, answers, all).map(violation => `${name}: ${violation}`),
  )
}

const invariants: Readonly<Record<string, Invariant>> = {
  I1({ orders }, answers) {
    const totals = new Map(orders.map(({ id, totalCents }) => [id, totalCents]))
    return accepted(answers).flatMap(({ body, totalCents }) => {
      const id = String(body?.['id'])
      if (!totals.has(id)) return [`accepted order ${id} is lost`]
      return totals.get(id) === totalCents ? [] : [`order ${id} over ${totalCents} is stored with ${totals.get(id)}`]
    })
  },

  I2({ orders, keys }, answers) {
    const asked = new Set(answers.map(({ key }) => key))
    const wanted = new Set(keys.filter(({ key }) => asked.has(key)).map(({ orderId }) => orderId))
    return orders.filter(({ id }) => !wanted.has(id)).map(({ id }) => `nobody asked for order ${id}`)
  },

  I3({ orders, keys }, answers) {
    const stored = new Map(keys.map(({ key, orderId }) => [key, orderId]))
    const told = [...Map.groupBy(accepted(answers), ({ key }) => key)].flatMap(([key, same]) => {
      const different = new Set(same.map(({ body }) => JSON.stringify(body)))
      const other = same.filter(({ body }) => body?.['id'] !== stored.get(key))
      return [
        ...(different.size > 1 ? [`key ${key} got ${different.size} different answers`] : []),
        ...other.map(({ body }) => `key ${key} was told of order ${String(body?.['id'])}, not ${stored.get(key)}`),
      ]
    })
    return orders.length > keys.length ? [`${orders.length} orders for ${keys.length} keys`, ...told] : told
  },

  I4({ history, outbox, invoices }) {
    return [
      ...compare(
        history.map(({ orderId, version }) => `order ${orderId} v${version}`),
        outbox.orders.filter(isEvent('order')).map(({ aggregateId, version }) => `order ${aggregateId} v${version}`),
        'events',
      ),
      ...compare(
        invoices.map(({ id, version }) => `invoice ${id} v${version}`),
        outbox.invoices.filter(isEvent('invoice')).map(row => `invoice ${row.aggregateId} v${row.version}`),
        'events',
      ),
    ]
  },

  I5({ orders, invoices, counters }, _answers, { foreign, uninvoiced }) {
    const ordered = [...orders, ...foreign.map(({ orderId, totalCents }) => ({ id: orderId, totalCents }))]
    return [
      ...compare(
        ordered
          .filter(({ id }) => !uninvoiced.includes(id))
          .map(({ id, totalCents }) => `order ${id} over ${totalCents}`),
        invoices.map(({ orderId, totalCents }) => `order ${orderId} over ${totalCents}`),
        'invoices',
      ),
      ...compare(
        counters.flatMap(({ year, last }) => Array.from({ length: last }, (_, index) => numberOf(year, index + 1))),
        invoices.map(({ number }) => number),
        'invoices',
      ),
    ]
  },

  I8({ outbox, depths, dead }, _answers, { unroutable, poison }) {
    const rows = [...outbox.orders, ...outbox.invoices]
    const waiting = rows.filter(({ state, type }) => state !== (unroutable.includes(type) ? 'unrouted' : 'published'))
    const full = [...depths].filter(([, depth]) => depth > 0)
    return [
      ...waiting.map(({ id, type, state }) => `${type} ${id} in the outbox is ${state}`),
      ...full.map(([queue, depth]) => `${depth} messages in queue ${queue}`),
      ...compare(poison, dead, 'dead letters'),
    ]
  },

  I9({ outbox, handled }, _answers, { foreign, poison }) {
    const created = outbox.orders.filter(({ type, queue }) => type === 'order.created' && queue === null)
    const expected = [...created.map(({ id }) => id), ...foreign.map(({ messageId }) => messageId)]
    return compare(
      expected.filter(id => !poison.includes(id)),
      handled,
      'handlings',
    )
  },

  I13({ outbox, seen }, _answers, { foreign, poison }) {
    if (!seen) return []
    const ids = new Set(seen.flatMap(({ id }) => id ?? []))
    const rows = [...outbox.orders, ...outbox.invoices].filter(({ queue }) => queue === null)
    const known = new Set([...rows.map(({ id }) => id), ...foreign.map(({ messageId }) => messageId), ...poison])
    return [
      ...rows
        .filter(({ state, id }) => state === 'published' && !ids.has(id))
        .map(({ id, type }) => `${type} ${id} is marked as published, and the broker never had it`),
      ...[...ids].filter(id => !known.has(id)).map(id => `message ${id} is in no outbox`),
    ]
  },
}

function accepted(answers: readonly Answer[]): Answer[] {
  return answers.filter(({ status = 0 }) => status >= 200 && status < 300)
}

function isEvent(aggregate: string) {
  return ({ type, queue }: OutboxRow) => type.startsWith(`${aggregate}.`) && queue === null
}

function numberOf(year: number, sequence: number): string {
  return `${year}-${String(sequence).padStart(6, '0')}`
}

/** Which of `wanted` is not there exactly once, and what is there that nobody wanted. */
export function compare(wanted: readonly string[], found: readonly string[], what: string): string[] {
  const counts = new Map<string, number>(wanted.map(each => [each, 0]))
  const surplus = found.filter(each => !counts.has(each))
  for (const each of found) counts.set(each, (counts.get(each) ?? 0) + 1)
  const wrong = [...new Set(wanted)].filter(each => counts.get(each) !== 1)
  return [
    ...wrong.map(each => `${each} has ${counts.get(each)} ${what}`),
    ...[...new Set(surplus)].map(each => `${each} has ${what} and should not exist`),
  ]
}

/** What is there more than once. */
export function repeated(texts: readonly string[]): string[] {
  const seen = new Set<string>()
  return texts.filter(text => seen.has(text) || !seen.add(text))
}
