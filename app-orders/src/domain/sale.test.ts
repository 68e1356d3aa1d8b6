import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxCents } from './money.ts'
import { maxQuantity } from './order-line.ts'
import { judgeSale } from './sale.ts'

const coffee = { productId: 'coffee', name: 'Café', priceCents: 2999, currency: 'BRL' }

test('a sale is obeyed if and only if it expects what the catalogue says, and an order can hold it', () => {
  const sale = fc.record({
    product: fc.string(),
    quantity: fc.integer({ min: 1, max: maxQuantity + 10 }),
    priceCents: fc.integer({ min: 1, max: maxCents }),
    difference: fc.constantFrom(-1, 0, 0, 1),
  })
  fc.assert(
    fc.property(sale, ({ product, quantity, priceCents, difference }) => {
      const totalCents = quantity * priceCents
      const { contents, refusal } = judgeSale(
        { product, quantity, totalCents: totalCents + difference },
        { ...coffee, priceCents },
      )
      const isFine = difference === 0 && quantity <= maxQuantity && totalCents <= maxCents
      expect(refusal === undefined).toBe(isFine)
      const items = [{ productId: 'coffee', name: 'Café', quantity, unitPriceCents: priceCents }]
      const expected = { items, totalCents, currency: 'BRL', shippingAddress: null }
      expect(contents).toEqual(isFine ? expected : undefined)
    }),
  )
})

test.each([
  [{ quantity: 2, totalCents: 5997 }, coffee, 'price-changed', '2 × Café cost BRL 59.98, not 59.97.'],
  [{ quantity: 2, totalCents: 5998 }, undefined, 'product-unknown', 'There is no product CAFE-250.'],
  [{ quantity: 10_001, totalCents: 1 }, coffee, 'quantity-too-large', 'An order holds at most 10000 of one product.'],
  [
    { quantity: 10_000, totalCents: 1 },
    { ...coffee, priceCents: 100_001 },
    'order-too-large',
    'The order costs more than one order may.',
  ],
])('%j of %j is refused: %s', (sale, product, code, detail) => {
  expect(judgeSale({ product: 'CAFE-250', ...sale }, product)).toEqual({ refusal: { code, detail } })
})

test('what is quoted of a name is no longer than a line', () => {
  const { refusal } = judgeSale({ product: 'x'.repeat(10_000), quantity: 1, totalCents: 1 }, undefined)
  expect(refusal?.detail).toBe(`There is no product ${'x'.repeat(100)}.`)
})
