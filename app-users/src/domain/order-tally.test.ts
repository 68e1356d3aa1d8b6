import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emptyTally, recount, type KnownOrder, type OrderState, type Tally } from './order-tally.ts'
import { nobody } from './user.ts'

const state = fc.record({
  orderId: fc.constantFrom('o1', 'o2', 'o3'),
  userId: fc.option(fc.constantFrom('ana', 'bea'), { nil: null }),
  version: fc.integer({ min: 1, max: 6 }),
  status: fc.constantFrom('pending', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded'),
  totalCents: fc.integer({ min: 1, max: 10_000 }),
})

// One order has one state per version and one owner, known from the first event on.
const histories = fc
  .tuple(
    fc.array(state),
    fc.record({ o1: fc.constantFrom('ana', 'bea'), o2: fc.constant(null), o3: fc.constant('bea') }),
  )
  .map(([states, owners]) => {
    const distinct = new Map(states.map(each => [`${each.orderId} ${each.version}`, each]))
    return [...distinct.values()].map(each => ({ ...each, userId: owners[each.orderId] }))
  })

function tallyAll(batches: readonly (readonly OrderState[])[]) {
  const known = new Map<string, KnownOrder>()
  const tallies = new Map<string, Tally>()
  for (const batch of batches) {
    const { newer, additions } = recount(known, batch)
    for (const order of newer) known.set(order.orderId, order)
    for (const [user, { count, completed, spentCents }] of additions) {
      const before = tallies.get(user) ?? emptyTally
      tallies.set(user, {
        count: before.count + count,
        completed: before.completed + completed,
        spentCents: before.spentCents + spentCents,
      })
    }
  }
  return Object.fromEntries([...tallies].filter(([, { count }]) => count !== 0))
}

/** The same from its definition: the last version of each order, summed. */
function expected(states: readonly OrderState[]) {
  const last = new Map<string, OrderState>()
  for (const each of states.toSorted((a, b) => a.version - b.version)) last.set(each.orderId, each)
  const tallies: Record<string, Tally> = {}
  for (const { userId, status, totalCents } of last.values()) {
    const { count, completed, spentCents } = tallies[userId ?? nobody] ?? emptyTally
    const spent = ['paid', 'shipped', 'completed'].includes(status) ? totalCents : 0
    tallies[userId ?? nobody] = {
      count: count + 1,
      completed: completed + Number(status === 'completed'),
      spentCents: spentCents + spent,
    }
  }
  return tallies
}

test('in any order, in any batches, after any repetition the sums are those of the newest versions', () => {
  const cases = histories.chain(states =>
    fc.record({
      states: fc.constant(states),
      // Everything at least once, the rest is repetition.
      arrival: fc.array(fc.constantFrom(...(states.length > 0 ? states : [undefined]))).chain(again =>
        fc.shuffledSubarray([...states, ...again.filter(each => each !== undefined)], {
          minLength: states.length + again.filter(Boolean).length,
        }),
      ),
      size: fc.integer({ min: 1, max: 5 }),
    }),
  )
  fc.assert(
    fc.property(cases, ({ states, arrival, size }) => {
      const batches = []
      for (let index = 0; index < arrival.length; index += size) batches.push(arrival.slice(index, index + size))
      expect(tallyAll(batches)).toEqual(expected(states))
    }),
  )
})

test('an order whose event no longer names its user stays counted for that user', () => {
  const placed = { orderId: 'o', userId: 'ana', version: 1, status: 'reserved', totalCents: 100 }
  const paid = { ...placed, userId: null, version: 2, status: 'paid' }
  expect(tallyAll([[placed], [paid]])).toEqual({ ana: { count: 1, completed: 0, spentCents: 100 } })
})
