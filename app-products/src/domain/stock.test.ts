import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Item } from './reservation.ts'
import { maxStock, StockBook, type Movement, type StockedProduct } from './stock.ts'

const ids = ['a', 'b', 'c']
const items = fc
  .uniqueArray(fc.record({ productId: fc.constantFrom(...ids), quantity: fc.integer({ min: 1, max: 6 }) }), {
    selector: ({ productId }) => productId,
    minLength: 1,
  })
  .map((lines): readonly Item[] => lines)

type Step =
  | { readonly do: 'reserve'; readonly items: readonly Item[] }
  | { readonly do: 'release' | 'sell' | 'takeBack'; readonly nth: number }
  | { readonly do: 'adjust' | 'set'; readonly productId: string; readonly by: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('reserve' as const), items }),
  fc.record({ do: fc.constantFrom('release', 'sell', 'takeBack' as const), nth: fc.nat(20) }) as fc.Arbitrary<Step>,
  fc.record({
    do: fc.constantFrom('adjust', 'set' as const),
    productId: fc.constantFrom(...ids),
    by: fc.integer({ min: -9, max: 9 }),
  }) as fc.Arbitrary<Step>,
)

const sum = (movements: readonly Movement[], what: 'available' | 'reserved', ...kinds: Movement['kind'][]) =>
  movements
    .filter(({ kind }) => kinds.length === 0 || kinds.includes(kind))
    .reduce((total, movement) => total + movement[what], 0)

const empty = (): StockedProduct[] => ids.map(id => ({ id, available: 0, reserved: 0, deleted: false }))

/** Plays steps as orders would: each holds what it reserved until that is released or sold. */
function play(
  steps: readonly Step[],
  initial: readonly number[],
  look: (book: StockBook) => void = () => {},
): StockBook {
  const book = new StockBook(empty())
  ids.forEach((id, index) => book.open(id, initial[index] ?? 0))
  const holding: Record<'reserved' | 'sold', { orderId: string; items: readonly Item[] }[]> = { reserved: [], sold: [] }
  const take = (from: 'reserved' | 'sold', nth: number) => holding[from].splice(nth % (holding[from].length || 1), 1)[0]
  steps.forEach((each, index) => {
    if (each.do === 'reserve') {
      const order = { orderId: `order ${index}`, items: each.items }
      if (book.reserve(order.orderId, order.items).length === 0) holding.reserved.push(order)
    } else if ('productId' in each) {
      if (each.do === 'adjust') book.adjust(each.productId, each.by, 'counted')
      else book.set(each.productId, Math.abs(each.by))
    } else {
      const order = take(each.do === 'takeBack' ? 'sold' : 'reserved', each.nth)
      if (!order) return
      book[each.do](order.orderId, order.items)
      if (each.do === 'sell') holding.sold.push(order)
    }
    look(book)
  })
  return book
}

const initial = fc.array(fc.nat(10), { minLength: 3, maxLength: 3 })

describe('whatever happens', () => {
  test('the sums of the ledger are the stock, which is never below zero', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), initial, (steps, pieces) => {
        play(steps, pieces, book => {
          for (const id of ids) {
            const { available, reserved } = book.level(id)
            const own = book.movements.filter(({ productId }) => productId === id)
            expect({ available, reserved }).toEqual({
              available: sum(own, 'available'),
              reserved: sum(own, 'reserved'),
            })
            expect(Math.min(available, reserved)).toBeGreaterThanOrEqual(0)
          }
        })
      }),
    )
  })

  test('what was put in is available, set aside or sold', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), initial, (steps, pieces) => {
        const book = play(steps, pieces)
        for (const id of ids) {
          const own = book.movements.filter(({ productId }) => productId === id)
          const put = sum(own, 'available', 'initial', 'adjustment', 'set')
          const sold = -sum(own, 'reserved', 'sale') - sum(own, 'available', 'return')
          const { available, reserved } = book.level(id)
          expect(available + reserved + sold).toBe(put)
        }
      }),
    )
  })

  test('an order gets all it asked for, or nothing and a word on each product that is lacking', () => {
    fc.assert(
      fc.property(items, initial, (asked, pieces) => {
        const book = play([], pieces)
        const before = book.movements.length
        const lacking = book.reserve('order', asked)
        const stock = new Map(ids.map((id, index) => [id, pieces[index] ?? 0]))
        expect(lacking).toEqual(
          asked
            .filter(({ productId, quantity }) => quantity > (stock.get(productId) ?? 0))
            .map(item => ({ ...item, available: stock.get(item.productId) })),
        )
        expect(book.movements.length - before).toBe(lacking.length === 0 ? asked.length : 0)
      }),
    )
  })
})

test('each movement sees what those before it left', () => {
  const book = new StockBook([{ id: 'a', available: 3, reserved: 0, deleted: false }])
  const two = [{ productId: 'a', quantity: 2 }]
  expect(book.reserve('first', two)).toEqual([])
  expect(book.reserve('second', two)).toEqual([{ productId: 'a', quantity: 2, available: 1 }])
  book.release('first', two)
  expect(book.reserve('third', two)).toEqual([])
  expect(book.changed()).toEqual([{ id: 'a', available: 1, reserved: 2, deleted: false }])
})

test('nothing is left of a product that is unknown or deleted, but what was ordered of it comes back', () => {
  const book = new StockBook([{ id: 'gone', available: 9, reserved: 2, deleted: true }])
  const asked = [
    { productId: 'gone', quantity: 1 },
    { productId: 'unheard of', quantity: 1 },
  ]
  expect(book.reserve('order', asked)).toEqual(asked.map(item => ({ ...item, available: 0 })))
  book.release('earlier', [{ productId: 'gone', quantity: 2 }])
  expect(book.level('gone')).toMatchObject({ available: 11, reserved: 0 })
})

test('an adjustment takes no more than there is, and adds no more than fits', () => {
  const book = new StockBook([{ id: 'a', available: 5, reserved: 3, deleted: false }])
  expect([-6, maxStock - 4].map(by => book.adjust('a', by, 'counted'))).toEqual([false, false])
  expect(book.changed()).toEqual([])
  expect([-5, maxStock].map(by => book.adjust('a', by, 'counted'))).toEqual([true, true])
  expect(book.level('a')).toMatchObject({ available: maxStock, reserved: 3 })
})

test('setting what is there already is no movement', () => {
  const book = new StockBook([{ id: 'a', available: 5, reserved: 3, deleted: false }])
  book.set('a', 5)
  expect(book.movements).toEqual([])
  book.set('a', 4)
  expect(book.movements).toMatchObject([{ kind: 'set', available: -1, reserved: 0 }])
})

test('what cannot be is an error and changes nothing', () => {
  const book = new StockBook([{ id: 'a', available: 1, reserved: 1, deleted: false }])
  expect(() => book.release('order', [{ productId: 'a', quantity: 2 }])).toThrow('release would leave less than no a')
  expect(() => book.sell('order', [{ productId: 'b', quantity: 1 }])).toThrow('product b was not locked')
  expect(book.level('a')).toMatchObject({ available: 1, reserved: 1 })
})
