import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isEmailAddress, isPhoneNumber, maskedPhone } from './recipient.ts'

describe('an e-mail address', () => {
  test.each([
    'ana@example.com',
    'ana+loja@mail.example.com.br',
    "o'neil@example.com",
    'ação@exemplo.com.br',
    'root@localhost',
  ])('may be %s', text => {
    expect(isEmailAddress(text)).toBe(true)
  })

  test.each([
    '',
    'ana',
    'ana@',
    '@example.com',
    'ana@example.com, bob@example.com',
    'Ana <ana@example.com>',
    'ana@example.com\r\nBcc: all@example.com',
    'ana@example.com\u0000',
    'a\u2028b@example.com',
    'ana@exa mple.com',
    `${'a'.repeat(65)}@example.com`,
    `ana@${'a'.repeat(251)}`,
  ])('cannot be %j', text => {
    expect(isEmailAddress(text)).toBe(false)
  })

  test('never holds what separates headers or addresses, wherever it stands', () => {
    const bad = fc.constantFrom('\r', '\n', '\0', ' ', '\t', ',', ';', '<', '>', '"', '\u0085', '\u2028')
    fc.assert(
      fc.property(fc.string(), bad, fc.string(), (before, character, after) => {
        expect(isEmailAddress(`${before}${character}${after}`)).toBe(false)
      }),
    )
  })
})

describe('a phone number', () => {
  test.each(['+5511999990000', '+12025550123', '+3725550123'])('may be %s', text => {
    expect(isPhoneNumber(text)).toBe(true)
  })

  test.each([
    '5511999990000',
    '+0511999990000',
    '+55 11 99999-0000',
    '+551199999000012345',
    '+55119',
    '+55119999a0000',
  ])('cannot be %s', text => {
    expect(isPhoneNumber(text)).toBe(false)
  })

  test('is never shown whole', () => {
    const numbers = fc.stringMatching(/^\+[1-9]\d{6,14}$/)
    fc.assert(
      fc.property(numbers, number => {
        const shown = maskedPhone(number)
        expect(isPhoneNumber(number)).toBe(true)
        expect(shown).toMatch(/^\+\d{2}\*{3,}\d{2}$/)
        expect(shown).toHaveLength(number.length)
      }),
    )
  })
})
