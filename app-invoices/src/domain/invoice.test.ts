import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterFact, statusBy, stepsBetween, untouched, type OrderFact, type Standing } from './invoice.ts'

const at = (version: number) => new Date(Date.UTC(2026, 10, 21, 12, version))
const fact = (outcome: OrderFact['outcome'], orderVersion: number): OrderFact => {
  return { outcome, orderVersion, at: at(orderVersion) }
}
const after = (...facts: OrderFact[]) => facts.reduce(afterFact, untouched)

describe('an invoice', () => {
  test.each<[string, OrderFact[], Partial<Standing>]>([
    ['of an order paid is paid', [fact('paid', 3)], { status: 'paid', orderVersion: 3, paidAt: at(3), voidedAt: null }],
    ['of an order cancelled is void', [fact('cancelled', 2)], { status: 'void', orderVersion: 2, voidedAt: at(2) }],
    ['of an order refunded is void', [fact('refunded', 4)], { status: 'void', orderVersion: 4, paidAt: null }],
    [
      'paid and then refunded is void, and was paid',
      [fact('paid', 3), fact('refunded', 4)],
      { status: 'void', orderVersion: 4, paidAt: at(3), voidedAt: at(4) },
    ],
    [
      'void is not paid by what happened before',
      [fact('refunded', 4), fact('paid', 3)],
      { status: 'void', orderVersion: 4, paidAt: null },
    ],
    ['void stays void', [fact('cancelled', 2), fact('paid', 3)], { status: 'void', orderVersion: 2, paidAt: null }],
    ['paid is paid once', [fact('paid', 3), fact('paid', 4)], { status: 'paid', orderVersion: 3, paidAt: at(3) }],
    ['is not touched by version 1, which created the order', [fact('cancelled', 1)], untouched],
  ])('%s', (_what, facts, expected) => expect(after(...facts)).toMatchObject(expected))
})

/** What can really happen to an order, as facts of growing version. */
const history = fc
  .tuple(
    fc.constantFrom<OrderFact['outcome'][]>(['paid'], ['cancelled'], ['paid', 'refunded'], ['refunded']),
    fc.integer({ min: 2, max: 9 }),
    fc.integer({ min: 1, max: 5 }),
  )
  .map(([outcomes, first, gap]) => outcomes.map((outcome, index) => fact(outcome, first + index * gap)))

/** A history, and its facts as they may arrive: in any order, each at least once. */
const delivered = history.chain(facts =>
  fc
    .array(fc.constantFrom(...facts), { maxLength: 4 })
    .chain(again => shuffled([...facts, ...again]))
    .map(arrivals => ({ facts, arrivals })),
)

function shuffled<Item>(items: Item[]) {
  return fc.shuffledSubarray(items, { minLength: items.length, maxLength: items.length })
}

test('the order of arrival and repetitions change neither the status nor the last version', () => {
  fc.assert(
    fc.property(delivered, ({ facts, arrivals }) => {
      const { status, orderVersion, voidedAt } = after(...facts)
      expect(after(...arrivals)).toMatchObject({ status, orderVersion, voidedAt })
    }),
  )
})

const anyFacts = fc.array(
  fc.record({
    outcome: fc.constantFrom('paid' as const, 'cancelled' as const, 'refunded' as const),
    orderVersion: fc.integer({ min: 1, max: 9 }),
    at: fc.date({ noInvalidDate: true }),
  }),
  { maxLength: 12 },
)

test('whatever comes: the version never goes back, void is final, times and status agree', () => {
  fc.assert(
    fc.property(anyFacts, facts => {
      let standing = untouched
      for (const fact of facts) {
        const next = afterFact(standing, fact)
        const changed = next !== standing
        expect(next.orderVersion > standing.orderVersion).toBe(changed)
        expect(changed && standing.status === 'void').toBe(false)
        expect(statusBy(next)).toBe(next.status)
        standing = next
      }
    }),
  )
})

test('the steps between two standings are those that were taken', () => {
  fc.assert(
    fc.property(anyFacts, facts => {
      const taken: string[] = []
      let standing = untouched
      for (const fact of facts) {
        const next = afterFact(standing, fact)
        if (next !== standing) taken.push(next.status)
        standing = next
      }
      expect(stepsBetween(untouched, standing).map(({ status }) => status)).toEqual(taken)
      expect(stepsBetween(standing, standing)).toEqual([])
    }),
  )
})
