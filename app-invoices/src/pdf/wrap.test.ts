import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wrap } from './wrap.ts'

/** Every character is one point wide. */
const measure = (text: string) => Array.from(text).length

test.each<[string, number, string[]]>([
  ['', 10, ['']],
  ['short', 10, ['short']],
  ['one two three', 7, ['one two', 'three']],
  ['abcdefghij', 4, ['abcd', 'efgh', 'ij']],
  ['a abcdefgh b', 4, ['a', 'abcd', 'efgh', 'b']],
])('%j at %d', (text, width, expected) => expect(wrap(text, width, 10, measure)).toEqual(expected))

test('what does not fit into the last line is left out, visibly', () => {
  expect(wrap('one two three', 5, 2, measure)).toEqual(['one', 'two…'])
  expect(wrap('abcdefgh', 4, 1, measure)).toEqual(['abc…'])
})

test('a character and its accents stay together', () => {
  expect(wrap('e\u0301e\u0301', 2, 5, measure)).toEqual(['e\u0301', 'e\u0301'])
})

test('whatever the text: no line is too wide, none too many, nothing is lost where there is room', () => {
  const words = fc.array(
    fc.string({ minLength: 1, maxLength: 30 }).filter(word => !word.includes(' ')),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 10 }), (words, width, limit) => {
      const text = words.join(' ')
      for (const line of wrap(text, width, limit, measure)) expect(measure(line)).toBeLessThanOrEqual(width)
      expect(wrap(text, width, limit, measure).length).toBeLessThanOrEqual(limit)
      expect(wrap(text, width, 1_000, measure).join('').replaceAll(' ', '')).toBe(words.join(''))
    }),
  )
})
