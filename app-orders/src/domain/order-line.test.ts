import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxCents } from './money.ts'
import { mergeLines, priceLines, type Price } from './order-line.ts'

const [coffee, tea, milk] = ['coffee', 'tea', 'milk']
const catalogue = new Map<string, Price>([
  [coffee, { name: 'Café', priceCents: 2999, currency: 'BRL' }],
  [tea, { name: 'Chá', priceCents: 1000, currency: 'BRL' }],
])

const line = fc.record({
  productId: fc.constantFrom(coffee, tea, milk),
  quantity: fc.integer({ min: 1, max: 100 }),
})

test('lines are merged without losing or inventing a piece, and cost the same as before', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), lines => {
      const merged = mergeLines(lines)
      expect(merged.map(({ productId }) => productId)).toEqual([...new Set(lines.map(({ productId }) => productId))])
      for (const { productId, quantity } of merged) {
        const pieces = lines.filter(line => line.productId === productId).map(line => line.quantity)
        expect(quantity).toBe(pieces.reduce((sum, each) => sum + each, 0))
      }
      const priced = priceLines(merged, catalogue)
      const known = lines.every(({ productId }) => catalogue.has(productId))
      expect(priced.refusal).toBe(known ? undefined : 'product-unknown')
      if (priced.refusal) return
      const costs = lines.map(({ productId, quantity }) => quantity * (catalogue.get(productId)?.priceCents ?? 0))
      expect(priced.contents.totalCents).toBe(costs.reduce((sum, each) => sum + each, 0))
    }),
  )
})

test('every line of an unknown product is named', () => {
  const lines = mergeLines([
    { productId: milk, quantity: 1 },
    { productId: tea, quantity: 1 },
    { productId: milk, quantity: 2 },
  ])
  expect(priceLines(lines, catalogue)).toMatchObject({
    refusal: 'product-unknown',
    problems: [{ line: 0 }, { line: 2 }],
  })
})

test('a line whose price is not the expected one is named with its current price', () => {
  const lines = mergeLines([
    { productId: coffee, quantity: 1, priceCents: 2999 },
    { productId: tea, quantity: 1, priceCents: 999 },
    { productId: coffee, quantity: 1, priceCents: 1 },
  ])
  expect(priceLines(lines, catalogue)).toEqual({
    refusal: 'price-changed',
    problems: [
      { code: 'price-changed', line: 2, message: 'is now BRL 29.99' },
      { code: 'price-changed', line: 1, message: 'is now BRL 10.00' },
    ],
  })
})

test('an order has one currency and a total that can be charged', () => {
  const dear = { name: 'Gold', priceCents: maxCents, currency: 'BRL' }
  const foreign = { name: 'Dollar', priceCents: 1, currency: 'USD' }
  const prices = new Map([...catalogue, ['gold', dear], ['dollar', foreign]] as [string, Price][])
  const refusalOf = (...lines: [string, number][]) =>
    priceLines(mergeLines(lines.map(([productId, quantity]) => ({ productId, quantity }))), prices).refusal
  expect(refusalOf(['gold', 1])).toBeUndefined()
  expect(refusalOf(['gold', 1], [tea, 1])).toBe('order-too-large')
  expect(refusalOf(['gold', 10_000])).toBe('order-too-large')
  expect(refusalOf(['dollar', 1], [tea, 1])).toBe('mixed-currencies')
})
