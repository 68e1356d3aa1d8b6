import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxCents, toCents } from './money.ts'

test.each([
  [59.98, 5998],
  ['59.98', 5998],
  ['59.9', 5990],
  [1, 100],
  [0.1 + 0.2, undefined],
  ['1.005', undefined],
  [0, undefined],
  [-1, undefined],
  ['', undefined],
  ['1e3', undefined],
  [' 1', undefined],
  ['1,00', undefined],
  [10_000_000, maxCents],
  [10_000_000.01, undefined],
  [Number.NaN, undefined],
])('%j is %j cents', (amount, cents) => expect(toCents(amount)).toBe(cents))

test('whatever is written with two decimals is read exactly, as a number and as text', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: maxCents }), cents => {
      const text = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`
      expect([toCents(text), toCents(Number(text))]).toEqual([cents, cents])
    }),
  )
})
