import { compare, repeated } from './invariants.ts'
import { messageInvariants } from './message-invariants.ts'
import { partnerInvariants } from './partner-invariants.ts'
import { promiseInvariants } from './promise-invariants.ts'
import { readModelInvariants } from './read-model-invariants.ts'
import type { NotificationRow, OrderRow, ShopSnapshot, Shown } from './shop-snapshot.ts'

/** A product that the test made, with the pieces it began with. */
export interface Stocked {
  readonly productId: string
  readonly initial: number
}

/** What a test knows that the shop's own records do not tell. */
export interface Known {
  readonly stocked: readonly Stocked[]
  /** Ids of messages that can never be handled, wherever they go. */
  readonly poison?: readonly string[]
  /** Ids of the events that partners were promised; default: all there are. */
  readonly promisedEvents?: readonly string[]
}

type Invariant = (snapshot: ShopSnapshot, known: Required<Known>) => string[]

/**
 * Holds what the shop remembers against itself, and against what its customers were told.
 * @returns every violation, beginning with the invariant's number; none for a shop at rest that works.
 */
export function violationsOfShop(snapshot: ShopSnapshot, known: Known): string[] {
  const all = { poison: [], promisedEvents: snapshot.partnership.events.map(({ id }) => id), ...known }
  const groups = [promiseInvariants, messageInvariants, invariants, readModelInvariants, partnerInvariants]
  return groups.flatMap(group =>
    Object.entries(group).flatMap(([name, invariant]) =>
      invariant(snapshot, all).map(violation => `${name}: ${violation}`),
    ),
  )
}

/** The states that may follow each other. */
const transitions: Readonly<Record<string, readonly string[]>> = {
  pending: ['reserved', 'cancelled'],
  reserved: ['paid', 'cancelled'],
  paid: ['shipped', 'refunded'],
  shipped: ['completed', 'refunded'],
  completed: ['refunded'],
  cancelled: [],
  refunded: [],
}

/** What an order's state makes of its invoice. */
const invoiceState: Readonly<Record<string, string>> = {
  pending: 'issued',
  reserved: 'issued',
  paid: 'paid',
  shipped: 'paid',
  completed: 'paid',
  cancelled: 'void',
  refunded: 'void',
}

/** What a state of an order allows for what is set aside for it. Goods that were refunded after they left may stay away. */
const reservationStates: Readonly<Record<string, readonly string[]>> = {
  reserved: ['reserved'],
  paid: ['reserved'],
  shipped: ['sold'],
  completed: ['sold'],
  cancelled: ['refused', 'released'],
  refunded: ['released', 'sold'],
}

const invariants: Readonly<Record<string, Invariant>> = {
  I5({ orders, invoices, shown }) {
    const numbers = invoices.map(({ number }) => Number(number.split('-')[1])).toSorted((a, b) => a - b)
    const asRead = (rows: readonly Shown[]) => rows.map(({ id, status }) => `${String(id)} ${String(status)}`)
    return [
      ...compare(
        orders.map(({ id, status, totalCents }) => `${invoiceState[status]} invoice over ${totalCents} of order ${id}`),
        invoices.map(({ orderId, status, totalCents }) => `${status} invoice over ${totalCents} of order ${orderId}`),
        'rows',
      ),
      ...numbers.flatMap((number, index) => (number === index + 1 ? [] : [`invoice ${number} is number ${index + 1}`])),
      ...compare(
        invoices.map(({ id, status }) => `${id} ${status}`),
        asRead(shown.invoices),
        'invoices over HTTP',
      ),
      ...compare(
        orders.map(({ id, status }) => `${id} ${status}`),
        asRead(shown.orders),
        'orders over HTTP',
      ),
    ]
  },

  I6({ orders, products, reservations }, { stocked }) {
    const states = new Map(reservations.map(({ orderId, state }) => [orderId, state]))
    const levels = new Map(products.map(product => [product.id, product]))
    return [
      ...products.flatMap(({ id, available, reserved, ledger }) => {
        const right = available >= 0 && reserved >= 0
        if (right && available === ledger.available && reserved === ledger.reserved) return []
        return [`product ${id} has ${available} and ${reserved}, its ledger says ${JSON.stringify(ledger)}`]
      }),
      ...orders.flatMap(({ id, status, items }) => {
        const state = states.get(id) ?? 'none'
        const right = items.length === 0 || reservationStates[status]?.includes(state)
        return right ? [] : [`the reservation of ${status} order ${id} is ${state}`]
      }),
      ...stocked.flatMap(({ productId, initial }) => {
        const { available = 0, reserved = 0 } = levels.get(productId) ?? {}
        const pieces = (state: string) =>
          piecesIn(
            orders.filter(({ id }) => states.get(id) === state),
            productId,
          )
        if (pieces('reserved') === reserved && available + reserved + pieces('sold') === initial) return []
        const held = `orders hold ${pieces('reserved')}, ${pieces('sold')} sold`
        return [`${initial} pieces became ${available} available, ${reserved} reserved; ${held}`]
      }),
    ]
  },

  I7({ orders, history }) {
    const byOrder = Map.groupBy(history, ({ orderId }) => orderId)
    return orders.flatMap(({ id, status, version, items }) => {
      const steps = (byOrder.get(id) ?? []).toSorted((a, b) => a.version - b.version)
      const states = steps.map(step => step.status)
      const path = states.join(' → ')
      const starts = states[0] === (items.length > 0 ? 'pending' : 'reserved')
      const allowed = states.every((to, index) => index === 0 || transitions[states[index - 1] as string]?.includes(to))
      const whole = steps.every((step, index) => step.version === index + 1) && steps.length === version
      if (status === 'pending') return [`order ${id} is still pending`]
      return starts && allowed && whole && states.at(-1) === status
        ? []
        : [`${status} order ${id} v${version}: ${path}`]
    })
  },

  I10({ orders, counted, tallies }) {
    const whole = new Set(['paid', 'shipped', 'completed'])
    const own = (userId: string) => orders.filter(order => order.userId === userId)
    return [
      ...compare(
        orders.map(({ id, version, status, totalCents }) => `order ${id} v${version} ${status} ${totalCents}`),
        counted.map(({ id, version, status, totalCents }) => `order ${id} v${version} ${status} ${totalCents}`),
        'rows in app-users',
      ),
      ...tallies.flatMap(({ userId, ...tally }) => {
        const sums = {
          count: own(userId).length,
          completed: own(userId).filter(({ status }) => status === 'completed').length,
          spentCents: own(userId).reduce((sum, each) => sum + (whole.has(each.status) ? each.totalCents : 0), 0),
        }
        const same = Object.entries(sums).every(([name, sum]) => tally[name as keyof typeof sums] === sum)
        return same ? [] : [`user ${userId} has ${JSON.stringify(sums)}, counted are ${JSON.stringify(tally)}`]
      }),
    ]
  },

  I12({ notifications, mails, shown }) {
    const letters = notifications.filter(({ channel }) => channel === 'email')
    const byId = new Map(letters.map(letter => [letter.id, letter]))
    const received = Map.groupBy(mails, ({ messageId }) => messageId.split('@')[0] ?? '')
    const about = letters.flatMap(letter =>
      letter.template === null ? [] : [`${letter.template} ${letter.aggregateId} v${letter.aggregateVersion}`],
    )
    return [
      ...[...received.keys()].filter(id => !byId.has(id)).map(id => `e-mail ${id} is no notification`),
      ...repeated(about).map(what => `several notifications say ${what}`),
      ...letters.flatMap(letter => wrongLetters(letter, received.get(letter.id) ?? [])),
      ...compare(
        notifications.map(({ id, status }) => `${id} ${status}`),
        shown.notifications.map(({ id, status }) => `${String(id)} ${String(status)}`),
        'notifications over HTTP',
      ),
    ]
  },
}

/** One e-mail for a notification, and another one only where the ledger knows of an attempt whose end nobody saw. */
function wrongLetters({ id, status, recipient, outcomes }: NotificationRow, received: ShopSnapshot['mails']): string[] {
  const uncertain = outcomes.filter(outcome => outcome === null || outcome === 'unknown').length
  const elsewhere = received.filter(({ to }) => recipient !== null && !to.includes(recipient))
  const right = received.length >= 1 && received.length <= 1 + uncertain
  return [
    ...(status === 'sent' ? [] : [`notification ${id} is ${status}`]),
    ...(right ? [] : [`notification ${id} came ${received.length} times; the ledger: ${JSON.stringify(outcomes)}`]),
    ...elsewhere.map(({ to }) => `notification ${id} went to ${to.join(', ')}`),
  ]
}

function piecesIn(orders: readonly Pick<OrderRow, 'items'>[], productId: string): number {
  return orders
    .flatMap(({ items }) => items)
    .filter(item => item.productId === productId)
    .reduce((sum, { quantity }) => sum + quantity, 0)
}
