import fc from 'fast-check'
import { expect, test } from 'vitest'
import { headerText } from './header-text.ts'
import { salutation } from './salutation.ts'

test('a header is one line of visible characters, within its length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 60 }), (text, max) => {
      const line = headerText(text, max)
      expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
      expect(Array.from(line).length).toBeLessThanOrEqual(max)
      expect(line.isWellFormed()).toBe(true)
      expect(headerText(line, max)).toBe(line)
    }),
  )
})

test('a header keeps what may stand there', () => {
  expect(headerText('Café ☕ para\r\nBcc: all@example.com')).toBe('Café ☕ para Bcc: all@example.com')
  expect(headerText('abcdef', 4)).toBe('abc…')
})

test.each(['Ana', 'Ana Souza', 'João D’Ávila', 'J. P. da Silva', "Sinéad O'Connor", '李小龍', 'Anne-Marie'])(
  'somebody may be called %s',
  name => {
    expect(salutation(name)).toBe(name)
  },
)

test.each([
  null,
  '',
  '   ',
  'evil.example',
  'https://evil.example',
  'Win 1000000 now',
  'call +5511999990000',
  'buy cheap things at our new shop today',
  '<script>alert(1)</script>',
])('nobody is addressed as %j', name => {
  expect(salutation(name)).toBeNull()
})

test('a salutation never holds a link, a number or markup', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.webUrl(), fc.emailAddress()), name => {
      expect(salutation(name) ?? '').not.toMatch(/[<>&/:@\d]|\.\S/u)
    }),
  )
})
