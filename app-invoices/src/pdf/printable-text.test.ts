import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable } from './printable-text.ts'

test.each([
  ['Café 250 g', 'Café 250 g'],
  ['  two\n\tlines\r\n', 'two lines'],
  ['a\u0000b\u0007c', 'a b c'],
  ['invoice\u202Efdp.exe', 'invoice fdp.exe'],
  ['\u200B\uFEFF', ''],
  ['\ud800!', '\uFFFD!'],
  ['e\u0301', 'é'],
  ['R$\u00A01', 'R$\u00A01'],
])('%j is printed as %j', (text, expected) => expect(printable(text, 100)).toBe(expected))

test('what is too long ends with an ellipsis, also when most of it cannot be printed', () => {
  expect(printable('x'.repeat(10_000), 5)).toBe('xxxx…')
  expect(printable('😀'.repeat(10), 5)).toBe('😀😀😀😀…')
  expect(printable('\u0000'.repeat(10_000), 5)).toBe('…')
})

const hostile = fc.string({
  unit: fc.constantFrom('a', ' ', '\n', '\u0000', '\u202E', '\ud83d', '\ude00', 'é', '漢', '\u0301'),
})

test('whatever it is given: one line of well-formed text without controls, within its limit', () => {
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 20 }), (text, limit) => {
      const line = printable(text, limit)
      expect(Array.from(line).length).toBeLessThanOrEqual(limit)
      expect(line.isWellFormed()).toBe(true)
      expect(line).not.toMatch(/[\p{Cc}\u202A-\u202E]/u)
      expect(line).toBe(line.trim())
    }),
  )
})
