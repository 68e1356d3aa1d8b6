import { compare } from './invariants.ts'
import type { PartnerEventRow, PartnerOrderRow } from './partner-snapshot.ts'
import type { Known } from './shop-invariants.ts'
import type { ShopSnapshot } from './shop-snapshot.ts'

type Invariant = (
  snapshot: Pick<ShopSnapshot, 'partnership'>,
  known: Pick<Required<Known>, 'promisedEvents'>,
) => string[]

/** The states that may follow each other in an event's history; an attempt begins anew after `retrying`. */
const transitions: Readonly<Record<string, readonly string[]>> = {
  received: ['validated', 'retrying', 'completed', 'refused', 'dead'],
  validated: ['enriched', 'retrying', 'refused', 'dead'],
  enriched: ['processed', 'retrying', 'refused', 'dead'],
  processed: ['distributed', 'retrying', 'refused', 'dead'],
  distributed: ['completed', 'refused', 'retrying', 'dead'],
  retrying: ['validated', 'retrying', 'completed', 'refused', 'dead'],
  dead: ['retrying', 'completed', 'refused'],
  completed: [],
  refused: [],
}

const ends = ['completed', 'refused', 'dead']
const undone = ['cancelled', 'refunded']

/** What became of partners' events, held against what was promised and against the orders there are. */
export const partnerInvariants: Readonly<Record<string, Invariant>> = {
  I1({ partnership: { events } }, { promisedEvents }) {
    const stored = new Set(events.map(({ id }) => id))
    return promisedEvents.filter(id => !stored.has(id)).map(id => `accepted event ${id} is lost`)
  },

  I2({ partnership: { events, orders } }, { promisedEvents }) {
    const sales = new Map(events.filter(({ kind }) => kind === 'sale').map(event => [event.id, event]))
    const promised = new Set(promisedEvents)
    return [
      ...events.filter(({ id }) => !promised.has(id)).map(({ id }) => `nobody was promised event ${id}`),
      ...orders
        .filter(({ eventId, partnerId }) => sales.get(eventId)?.partnerId !== partnerId)
        .map(({ id, eventId }) => `order ${id} is of no sale of its partner: ${eventId}`),
    ]
  },

  I3({ partnership: { events, orders } }) {
    const byEvent = Map.groupBy(orders, ({ eventId }) => eventId)
    const sales = events.filter(({ kind }) => kind === 'sale')
    return [
      ...compare(
        sales.filter(({ state }) => state === 'completed').map(({ id, orderId }) => `order ${orderId} of sale ${id}`),
        orders
          .filter(order => sales.some(({ id, state }) => id === order.eventId && state === 'completed'))
          .map(({ id, eventId }) => `order ${id} of sale ${eventId}`),
        'rows in app-orders',
      ),
      ...sales
        .filter(({ state }) => state === 'refused')
        .flatMap(({ id }) => (byEvent.get(id) ?? []).filter(({ status }) => status !== 'cancelled'))
        .map(({ id, status, eventId }) => `refused sale ${eventId} has ${status} order ${id}`),
      ...events
        .filter(({ kind, state }) => kind === 'return' && state === 'completed')
        .flatMap(event => wrongReturn(event, orders)),
    ]
  },

  I7({ partnership: { events } }) {
    return events.flatMap(({ id, kind, state, steps, expected }) => {
      const path = steps.join(' → ')
      const allowed = steps.every((to, index) => index === 0 || transitions[steps[index - 1] as string]?.includes(to))
      const right = steps[0] === 'received' && allowed && steps.at(-1) === state
      return [
        ...(right ? [] : [`${state} ${kind} ${id}: ${path}`]),
        ...(ends.includes(state) !== expected
          ? []
          : [`${kind} ${id} is ${state} and ${expected ? '' : 'not '}expected`]),
      ]
    })
  },
}

function wrongReturn({ id, partnerId, orderId }: PartnerEventRow, orders: readonly PartnerOrderRow[]): string[] {
  const order = orders.find(each => each.id === orderId)
  if (order?.partnerId === partnerId && undone.includes(order.status)) return []
  return [`return ${id} is completed, and order ${orderId} is ${order?.status ?? "none of the partner's"}`]
}
