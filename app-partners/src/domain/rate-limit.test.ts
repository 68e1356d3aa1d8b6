import fc from 'fast-check'
import { expect, test } from 'vitest'
import { judge, type Usage } from './rate-limit.ts'

const usage = (seconds: number, limit: number): fc.Arbitrary<Usage> =>
  fc
    .record({
      remaining: fc.integer({ min: 0, max: limit }),
      refused: fc.boolean(),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }) // prettier-ignore
    .map(({ remaining, refused, part }) => {
      const exceeded = refused && remaining === 0
      return { seconds, limit, remaining, exceeded, resetMs: Math.round(part * seconds * 1_000) }
    })
const both = fc.record({ minute: usage(60, 100), second: usage(1, 10) })

test('who comes back after Retry-After finds both quotas renewed that were used up', () => {
  fc.assert(
    fc.property(both, ({ minute, second }) => {
      const { passes, fields } = judge({ minute, second })
      const wait = Number(fields['retry-after'] ?? 0) * 1_000
      const usedUp = [minute, second].filter(({ remaining }) => remaining === 0)
      expect(passes || usedUp.every(({ resetMs }) => resetMs <= wait)).toBe(true)
      expect('retry-after' in fields).toBe(!passes)
      expect(passes).toBe(!minute.exceeded && !second.exceeded)
    }),
  )
})

test('who is told that something remains has it in both quotas', () => {
  fc.assert(
    fc.property(both, quotas => {
      const { fields } = judge(quotas)
      const left = quotas.minute.remaining > 0 && quotas.second.remaining > 0
      expect(fields['ratelimit-remaining'] !== '0').toBe(left)
    }),
  )
})

test('the fields tell of the minute, as long as the burst is not used up', () => {
  const minute = { seconds: 60, limit: 100, remaining: 60, exceeded: false, resetMs: 30_400 }
  const second = { seconds: 1, limit: 10, remaining: 1, exceeded: false, resetMs: 200 }
  expect(judge({ minute, second }).fields).toEqual({
    'ratelimit-limit': '100',
    'ratelimit-remaining': '60',
    'ratelimit-reset': '31',
    'ratelimit-policy': '100;w=60, 10;w=1',
  })
  expect(judge({ minute, second: { ...second, remaining: 0, exceeded: true } }).fields).toEqual({
    'ratelimit-limit': '10',
    'ratelimit-remaining': '0',
    'ratelimit-reset': '1',
    'ratelimit-policy': '100;w=60, 10;w=1',
    'retry-after': '1',
  })
})
