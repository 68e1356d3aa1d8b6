import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { firstIdAt, momentOf, newId } from './ids.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

test('ids are UUIDs of version 7, of the moment in which they were made', () => {
  const now = new Date()
  const ids = Array.from({ length: 1_000 }, newId)
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(momentOf(id)).toEqual(now)
  }
  // All that is neither time nor counter differs; four variants would be one if its bits were not random.
  expect(new Set(ids.map(id => id.slice(19))).size).toBe(1_000)
  expect(new Set(ids.map(id => id[19])).size).toBe(4)
})

test('ids made later sort later: within a millisecond, when one is full, after it, and when the clock was set back', () => {
  const ids = Array.from({ length: 5_000 }, newId)
  vi.setSystemTime(Date.now() + 10)
  ids.push(newId())
  vi.setSystemTime(Date.now() - 60_000)
  ids.push(newId(), newId())
  expect(ids).toEqual(ids.toSorted())
  expect(new Set(ids).size).toBe(ids.length)
})

test('the ids of a moment are between the first of it and the first of the next', () => {
  vi.setSystemTime('2030-01-01T00:00:00.000Z')
  const id = newId()
  expect(id > firstIdAt(new Date('2030-01-01T00:00:00.000Z'))).toBe(true)
  expect(id < firstIdAt(new Date('2030-01-01T00:00:00.001Z'))).toBe(true)
})
