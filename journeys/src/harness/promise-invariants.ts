import { isUnexpected, isYes, type Verb, type Wish } from './customers.ts'
import { repeated } from './invariants.ts'
import type { OrderRow, ShopSnapshot } from './shop-snapshot.ts'
import type { Json } from './shop.ts'

type Invariant = (snapshot: ShopSnapshot) => string[]

/** The states that a wish leads to. */
const outcomes: Readonly<Record<Verb, readonly string[]>> = {
  order: ['pending'],
  pay: ['paid'],
  cancel: ['cancelled', 'refunded'],
  ship: ['shipped'],
  complete: ['completed'],
  refund: ['refunded'],
}

/** What was promised to customers, as far as they have noted what they were told. */
export const promiseInvariants: Readonly<Record<string, Invariant>> = {
  I1({ orders, wishes = [] }) {
    const contents = new Map(orders.map(order => [order.id, contentsOf(order)]))
    return acceptedOrders(wishes).flatMap(order => {
      const stored = contents.get(String(order['id']))
      if (stored === contentsOf(order as never)) return []
      return [`accepted order ${String(order['id'])} is stored as ${stored ?? 'nothing'}`]
    })
  },

  I2({ orders, wishes, partnership }) {
    if (!wishes) return []
    const ofPartners = partnership.orders.map(({ id }) => id)
    const promised = new Set([...acceptedOrders(wishes).map(({ id }) => String(id)), ...ofPartners])
    return orders.filter(({ id }) => !promised.has(id)).map(({ id }) => `nobody was promised order ${id}`)
  },

  I3({ keys, history, wishes = [] }) {
    const stored = new Map(keys.map(({ key, orderId }) => [key, orderId]))
    const versions = new Map(history.map(({ orderId, version, status }) => [`${orderId} v${version}`, status]))
    const told = wishes.flatMap(wish => versionsToldOf(wish).map(version => ({ wish, version })))
    return [
      ...wishes.flatMap(({ verb, key, answers }) => {
        const different = new Set(answers.filter(isYes).map(({ body }) => JSON.stringify(body)))
        const wrong = answers.filter(isUnexpected).map(({ status, body }) => `${status} ${JSON.stringify(body)}`)
        return [
          ...(different.size > 1 ? [`"${verb}" with key ${key} got ${different.size} different answers`] : []),
          ...wrong.map(answer => `"${verb}" was answered ${answer}`),
        ]
      }),
      ...told.flatMap(({ wish: { verb, key }, version }) => {
        if (!outcomes[verb].includes(versions.get(version) ?? '')) {
          return [`"${verb}" was told of order ${version}, which is ${versions.get(version)}`]
        }
        const other = verb === 'order' && !version.startsWith(`${stored.get(key)} `)
        return other ? [`key ${key} was told of order ${version}, not ${stored.get(key)}`] : []
      }),
      ...repeated(told.map(({ version }) => version)).map(version => `order ${version} was told to several keys`),
    ]
  },
}

function acceptedOrders(wishes: readonly Wish[]): Json[] {
  return wishes.flatMap(({ verb, answers }) =>
    verb === 'order' ? answers.filter(isYes).map(({ body }) => body as Json) : [],
  )
}

/** Each once, as `<order> v<version>`. */
function versionsToldOf({ answers }: Wish): string[] {
  const bodies = answers.filter(isYes).map(({ body }) => body as Json)
  return [...new Set(bodies.map(({ id, version }) => `${String(id)} v${String(version)}`))]
}

function contentsOf({ totalCents, items }: Pick<OrderRow, 'totalCents' | 'items'>): string {
  return `${totalCents} for ${items.map(({ productId, quantity }) => `${quantity} of ${productId}`).join(', ')}`
}
