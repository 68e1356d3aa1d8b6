import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FreshRows } from './fresh-rows.ts'
import type { OutboxRow } from './outbox.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const rows = (...ids: string[]) => ids.map(id => ({ id }) as OutboxRow)
const idsOf = (taken: readonly OutboxRow[]) => taken.map(({ id }) => id)

test('the oldest are taken first, each once', () => {
  const fresh = new FreshRows()
  fresh.add(rows('a', 'b'))
  fresh.add(rows('c'))
  expect(fresh.size).toBe(3)
  expect(idsOf(fresh.take(2))).toEqual(['a', 'b'])
  expect(idsOf(fresh.take(2))).toEqual(['c'])
  expect(fresh.take(2)).toEqual([])
})

test('what has waited nearly as long as other relays leave it alone is left to them', () => {
  const fresh = new FreshRows()
  fresh.add(rows('old'))
  vi.advanceTimersByTime(600)
  fresh.add(rows('young'))
  vi.advanceTimersByTime(200)
  expect(idsOf(fresh.take(9))).toEqual(['young'])
  expect(fresh.size).toBe(0)
})

test('what was claimed from the outbox is left out, whether it was known before or is told of afterwards', () => {
  const fresh = new FreshRows()
  fresh.add(rows('a', 'b'))
  fresh.leaveOut(['b', 'c'])
  fresh.add(rows('c', 'd'))
  expect(idsOf(fresh.take(9))).toEqual(['a', 'd'])
  fresh.leaveOut([])
  fresh.add(rows('c'))
  expect(idsOf(fresh.take(9))).toEqual(['c'])
})

test('memory is bounded: a flood stays in the outbox', () => {
  const fresh = new FreshRows()
  fresh.add(rows(...Array.from({ length: 5_000 }, (_, index) => String(index))))
  fresh.add(rows('too much'))
  expect(fresh.size).toBe(5_000)
  fresh.clear()
  expect(fresh.size).toBe(0)
})
