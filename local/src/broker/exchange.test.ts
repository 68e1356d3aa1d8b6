import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topicMatches } from './exchange.ts'

// The rule of AMQP 0-9-1, 3.1.3.3, as a regular expression over `.a.b.c`.
function byExpression(pattern: readonly string[], words: readonly string[]): boolean {
  const parts = pattern.map(part => (part === '#' ? '(\\.[^.]*)*' : part === '*' ? '\\.[^.]*' : `\\.${part}`))
  return new RegExp(`^${parts.join('')}$`).test(words.map(word => `.${word}`).join(''))
}

test('topic patterns mean what their definition says', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '*', '#'), { maxLength: 6 })
  const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 7 })
  const holds = fc.property(pattern, words, (parts, key) => {
    expect(topicMatches(parts, key)).toBe(byExpression(parts, key))
  })
  fc.assert(holds, { numRuns: 3_000 })
})

test('a pattern of many hashes takes no exponential time', () => {
  const pattern = Array.from({ length: 120 }, (_, index) => (index % 2 === 0 ? '#' : 'a'))
  const words = Array.from({ length: 120 }, () => 'a')
  const started = performance.now()
  expect(topicMatches([...pattern, 'b'], words)).toBe(false)
  expect(performance.now() - started).toBeLessThan(1_000)
})
