import { expect, test } from 'vitest'
import { yearIn } from './numbering.ts'

test('the year turns at midnight of the time zone, not of UTC', () => {
  const newYear = new Date('2027-01-01T02:59:59.999Z')
  expect(yearIn('America/Sao_Paulo', newYear)).toBe(2026)
  expect(yearIn('America/Sao_Paulo', new Date('2027-01-01T03:00:00.000Z'))).toBe(2027)
  expect(yearIn('UTC', newYear)).toBe(2027)
})
