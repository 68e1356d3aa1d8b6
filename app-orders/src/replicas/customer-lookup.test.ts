import type { Query } from '@feira/chassis'
import { expect, test } from 'vitest'
import { createCustomerLookup } from './customer-lookup.ts'

/** A database that counts the questions, and a clock. */
function setUp() {
  const state = { asked: 0, fails: false, now: 0 }
  const query = (async ({ values }) => {
    state.asked++
    if (state.fails) throw new Error('no connection')
    return { rows: [{ name: `${String(values?.[0])} ${state.asked}` }] }
  }) as Query
  const lookUp = createCustomerLookup(query, () => state.now)
  return { state, nameOf: async (id: string) => (await lookUp(id))?.name }
}

test('asks once in two seconds, also when many ask at the same time', async () => {
  const { state, nameOf } = setUp()
  expect(await Promise.all([nameOf('ana'), nameOf('ana'), nameOf('bea')])).toEqual(['ana 1', 'ana 1', 'bea 2'])
  state.now = 1_999
  expect(await nameOf('ana')).toBe('ana 1')
  state.now = 2_000
  expect(await nameOf('ana')).toBe('ana 3')
  expect(state.asked).toBe(3)
})

test('makes do with what was known while the database does not answer', async () => {
  const { state, nameOf } = setUp()
  await nameOf('ana')
  Object.assign(state, { now: 10_000, fails: true })
  expect(await nameOf('ana')).toBe('ana 1')
  await expect(nameOf('bea')).rejects.toThrow('no connection')
  state.fails = false
  expect(await nameOf('bea')).toBe('bea 4')
})

test('remembers at most 10,000', async () => {
  const { state, nameOf } = setUp()
  for (let id = 0; id <= 10_000; id++) await nameOf(String(id))
  await nameOf('10000')
  expect(state.asked).toBe(10_001)
  await nameOf('0')
  expect(state.asked).toBe(10_002)
})
