import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeItems, releaseKind } from './reservation.ts'

const items = fc.array(
  fc.record({ productId: fc.constantFrom('a', 'b', 'C', 'c'), quantity: fc.integer({ min: 1, max: 9 }) }),
)

test('lines of one product become one, and nothing is added or lost', () => {
  fc.assert(
    fc.property(items, lines => {
      const merged = mergeItems(lines)
      expect(merged.map(({ productId }) => productId)).toEqual([
        ...new Set(lines.map(({ productId }) => productId.toLowerCase())),
      ])
      for (const { productId, quantity } of merged) {
        const asked = lines.filter(line => line.productId.toLowerCase() === productId)
        expect(quantity).toBe(asked.reduce((sum, line) => sum + line.quantity, 0))
      }
    }),
  )
})

test('absurd quantities stay whole numbers', () => {
  const line = { productId: 'a', quantity: Number.MAX_SAFE_INTEGER }
  expect(mergeItems([line, line])).toEqual([line])
})

test('only what an order holds is given back', () => {
  expect((['reserved', 'sold', 'refused', 'released'] as const).map(releaseKind)).toEqual([
    'release',
    'return',
    undefined,
    undefined,
  ])
})
