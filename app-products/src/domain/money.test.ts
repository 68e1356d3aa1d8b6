import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromCents, maxCents, toCents } from './money.ts'

test('every possible price survives the way to cents and back, as number and as text', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: maxCents }), cents => {
      expect(toCents(fromCents(cents))).toBe(cents)
      expect(toCents((cents / 100).toFixed(2))).toBe(cents)
    }),
  )
})

test.each([0, -1, -0.01, 0.001, 29.999, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY, maxCents / 100 + 0.01])(
  '%d is no price',
  amount => expect(toCents(amount)).toBeUndefined(),
)

test.each(['', ' ', '1,50', '1.', '.5', '+1', '1e2', '0x10', '１', '29.99 ', '99999999999'])('"%s" is no price', text =>
  expect(toCents(text)).toBeUndefined(),
)

test('nothing is an amount only where it is asked for', () => {
  expect(toCents('0', 0)).toBe(0)
  expect(toCents('0.00', 0)).toBe(0)
  expect(toCents('-0.01', 0)).toBeUndefined()
})
