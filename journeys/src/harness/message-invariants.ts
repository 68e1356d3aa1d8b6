import { compare } from './invariants.ts'
import type { Known } from './shop-invariants.ts'
import type { ShopSnapshot } from './shop-snapshot.ts'

type Invariant = (snapshot: ShopSnapshot, known: Required<Known>) => string[]

/** What holds of the messages, whatever they are about. */
export const messageInvariants: Readonly<Record<string, Invariant>> = {
  I4({ history, invoices, products, notifications, outbox }) {
    const events = (aggregate: string) =>
      outbox
        .filter(({ type, queue }) => type.startsWith(`${aggregate}.`) && queue === null)
        .filter(({ version }) => version !== null)
        .map(({ aggregateId, version }) => `${aggregate} ${aggregateId} v${version}`)
    const changed = products.map(({ id, stockVersion }) => ({ id, version: stockVersion }))
    return [
      ...compare(
        history.map(({ orderId, version }) => `order ${orderId} v${version}`),
        events('order'),
        'events',
      ),
      ...compare(versionsOf('invoice', invoices), events('invoice'), 'events'),
      ...compare(versionsOf('stock', changed), events('stock'), 'events'),
      // That it is to be sent is told by the work itself.
      ...compare(versionsOf('notification', notifications, 2), events('notification'), 'events'),
    ]
  },

  I8({ outbox, depths, dead, queues, foreign }, { poison }) {
    const full = [...depths].filter(([, depth]) => depth > 0)
    const poisoned = foreign.filter(({ id }) => id !== undefined && poison.includes(id))
    const expected = queues.flatMap(queue =>
      poisoned.filter(message => goesTo(queue, message)).map(inQueue(queue.name)),
    )
    return [
      ...outbox.filter(({ published }) => !published).map(({ id, type }) => `${type} ${id} has not left its outbox`),
      ...full.map(([queue, depth]) => `${depth} messages in queue ${queue}`),
      ...compare(
        expected,
        dead.map(({ queue, id }) => `${id} in ${queue}`),
        'dead letters',
      ),
    ]
  },

  I9(snapshot) {
    return unhandled(snapshot)
  },

  I13({ outbox, seen, foreign }) {
    const ids = new Set(seen.flatMap(({ id }) => id ?? []))
    const over = outbox.filter(({ queue }) => queue === null)
    const origins = new Set([...over.map(({ id }) => id), ...foreign.flatMap(({ id }) => id ?? [])])
    return [
      ...over
        .filter(({ published, id }) => published && !ids.has(id))
        .map(({ id, type }) => `${type} ${id} is marked as published, and the broker never had it`),
      ...[...ids].filter(id => !origins.has(id)).map(id => `message ${id} is in no outbox`),
    ]
  },
}

/** I9: messages that a consumer has not handled though they were published for it, and the other way round. */
export function unhandled({
  outbox,
  foreign,
  queues,
  handled,
  dead,
}: Pick<ShopSnapshot, 'outbox' | 'foreign' | 'queues' | 'handled' | 'dead'>): string[] {
  const messages = [...outbox, ...foreign.map(message => ({ ...message, queue: message.queue ?? null }))]
  const expected = queues.flatMap(queue => messages.filter(message => goesTo(queue, message)).map(inQueue(queue.name)))
  // One that was copied under its own id is one message.
  return compare(
    [...new Set(expected)],
    [...handled, ...dead].map(({ queue, id }) => `${id} in ${queue}`),
    'handlings',
  )
}

interface Destined {
  readonly id?: string | undefined
  readonly type: string
  readonly queue?: string | null | undefined
}

function goesTo(queue: { readonly name: string; readonly types: readonly string[] }, message: Destined): boolean {
  return message.queue ? message.queue === queue.name : queue.types.includes(message.type)
}

const inQueue = (queue: string) => (message: Destined) => `${message.id} in ${queue}`

function versionsOf(
  aggregate: string,
  rows: readonly { readonly id: string; readonly version: number }[],
  first = 1,
): string[] {
  return rows.flatMap(({ id, version }) =>
    Array.from({ length: version - first + 1 }, (_, index) => `${aggregate} ${id} v${first + index}`),
  )
}
