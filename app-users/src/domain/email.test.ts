import fc from 'fast-check'
import { expect, test } from 'vitest'
import { emailKey, normaliseEmail } from './email.ts'

const padded = fc
  .tuple(fc.emailAddress(), fc.stringMatching(/^\s{0,3}$/), fc.stringMatching(/^\s{0,3}$/))
  .map(([address, before, after]) => ({ address, text: before + address + after }))

test('normalising twice changes nothing more, and keeps what stands before the @', () => {
  fc.assert(
    fc.property(padded, ({ address, text }) => {
      const normal = normaliseEmail(text)
      expect(normaliseEmail(normal)).toBe(normal)
      expect(normal.split('@')[0]).toBe(address.split('@')[0])
      expect(normal.split('@')[1]).toBe(address.split('@')[1]?.toLowerCase())
    }),
  )
})

test('spellings of one address have one key', () => {
  fc.assert(
    fc.property(padded, ({ address, text }) => {
      expect(emailKey(normaliseEmail(text))).toBe(emailKey(address.toUpperCase()))
    }),
  )
})
