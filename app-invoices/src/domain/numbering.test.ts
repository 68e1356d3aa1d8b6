import { expect, test } from 'vitest'
import { monthIn, yearIn } from './numbering.ts'

test('the year turns at midnight of the time zone, not of UTC', () => {
  const newYear = new Date('2027-01-01T02:59:59.999Z')
  expect(yearIn('America/Sao_Paulo', newYear)).toBe(2026)
  expect(yearIn('America/Sao_Paulo', new Date('2027-01-01T03:00:00.000Z'))).toBe(2027)
  expect(yearIn('UTC', newYear)).toBe(2027)
})

test('so does the month', () => {
  const newMonth = new Date('2026-10-01T02:59:59.999Z')
  expect(monthIn('America/Sao_Paulo', newMonth)).toBe('2026-09')
  expect(monthIn('America/Sao_Paulo', new Date('2026-10-01T03:00:00.000Z'))).toBe('2026-10')
  expect(monthIn('UTC', newMonth)).toBe('2026-10')
})
