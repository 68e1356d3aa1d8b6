import { expect, test } from 'vitest'
import { keyIdIn, matches, newKey } from './api-key.ts'

test('a key names its id, and only it fits what is kept of it', () => {
  const [key, other] = [newKey(), newKey()]
  expect(keyIdIn(key.text)).toBe(key.id)
  expect(matches(key.text, key.hash)).toBe(true)
  expect(matches(other.text, key.hash)).toBe(false)
  const last = key.text.at(-1) === '0' ? '1' : '0'
  expect(matches(key.text.slice(0, -1) + last, key.hash)).toBe(false)
})

test('a key has 192 random bits, and none of them is kept', () => {
  const secrets = Array.from({ length: 100 }, () => newKey().text.split('_')[2] ?? '')
  expect(new Set(secrets).size).toBe(100)
  for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{48}$/)
  const key = newKey()
  expect(key.hash).toMatch(/^[0-9a-f]{64}$/)
  expect(key.text).not.toContain(key.hash.slice(0, 8))
})

test.each([
  '',
  'feira_',
  'x',
  `feira_${'0'.repeat(32)}_`,
  `feira_${'g'.repeat(32)}_${'0'.repeat(48)}`,
  `${newKey().text}\n`,
  ` ${newKey().text}`,
  newKey().text.toUpperCase(),
])('%j is no key', text => {
  expect(keyIdIn(text)).toBeUndefined()
})
