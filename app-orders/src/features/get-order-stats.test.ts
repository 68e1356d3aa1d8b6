import { asUser, waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { startShop } from '../testing/shop.ts'

test('counts orders by state, and as revenue what was paid and not refunded', async () => {
  await using shop = await startShop()
  const empty = await shop.send('GET', '/stats')
  expect(empty.json()).toMatchObject({ orders: 0, revenueCents: 0, byStatus: { pending: 0 }, lastDays: [] })
  for (const status of ['pending', 'paid', 'shipped', 'completed', 'cancelled', 'refunded'] as const) {
    await shop.orderIn(status)
  }
  await shop.post('', { amount: 12.34 }, asUser())
  const read = async () => (await shop.send('GET', '/stats')).json()
  await waitUntil('it was counted again', async () => (await read()).orders === 7)
  const { lastDays, lastMinutes, ...stats } = await read()
  expect(stats).toEqual({
    orders: 7,
    byStatus: { pending: 1, reserved: 1, paid: 1, shipped: 1, completed: 1, cancelled: 1, refunded: 1 },
    revenue: 179.94,
    revenueCents: 3 * 5_998,
  })
  const sum = (periods: { orders: number; revenueCents: number }[]) => [
    periods.reduce((total, { orders }) => total + orders, 0),
    periods.reduce((total, { revenueCents }) => total + revenueCents, 0),
  ]
  expect(sum(lastDays)).toEqual([7, 3 * 5_998])
  expect(sum(lastMinutes)).toEqual([7, 3 * 5_998])
  expect(lastDays.at(-1).at).toMatch(/T00:00:00\.000Z$/)
  expect(lastMinutes.at(-1).at).toMatch(/:00\.000Z$/)
})
