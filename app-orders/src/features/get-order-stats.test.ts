import { asUser, waitUntil } from '@feira/chassis/testing'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { eachStatus, startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
beforeEach(async () => {
  await shop.resources.query({ text: 'truncate orders, order_tallies, order_tally_changes' })
})
afterAll(() => shop[Symbol.asyncDispose]())

interface Period {
  readonly at: string
  readonly orders: number
  readonly revenueCents: number
}

interface Stats {
  readonly orders: number
  readonly byStatus: Record<string, number>
  readonly revenueCents: number
  readonly lastDays: Period[]
  readonly lastMinutes: Period[]
}

const read = async () => (await shop.send('GET', '/stats')).json<Stats>()
const totalsOf = (periods: Period[]) => [
  periods.reduce((total, { orders }) => total + orders, 0),
  periods.reduce((total, { revenueCents }) => total + revenueCents, 0),
]

/** The same, counted anew. */
async function recount() {
  const { rows } = await shop.resources.query<{ status: string; orders: number; revenue: number }>({
    text: `select status, count(*)::int as orders,
             coalesce(sum(total_cents) filter (where status in ('paid', 'shipped', 'completed')), 0)::int as revenue
           from orders group by status`,
  })
  const none = Object.fromEntries(eachStatus.map(status => [status, 0]))
  return {
    orders: rows.reduce((sum, { orders }) => sum + orders, 0),
    byStatus: { ...none, ...Object.fromEntries(rows.map(({ status, orders }) => [status, orders])) },
    revenueCents: rows.reduce((sum, { revenue }) => sum + revenue, 0),
  }
}

const waiting = async () => (await shop.resources.query({ text: 'select 1 from order_tally_changes' })).rowCount
const untallied = async () => (await shop.resources.query({ text: 'select 1 from orders where not tallied' })).rowCount

test('there are none at first', async () => {
  expect(await read()).toMatchObject({ orders: 0, revenueCents: 0, byStatus: { pending: 0 }, lastDays: [] })
})

test('they count orders by state, and as revenue what was paid and not refunded', async () => {
  await Promise.all(eachStatus.filter(status => status !== 'reserved').map(status => shop.orderIn(status)))
  await shop.post('', { amount: 12.34 }, asUser())
  const { lastDays, lastMinutes, ...stats } = await read()
  expect(stats).toEqual({
    orders: 7,
    byStatus: { pending: 1, reserved: 1, paid: 1, shipped: 1, completed: 1, cancelled: 1, refunded: 1 },
    revenue: 179.94,
    revenueCents: 3 * 5_998,
  })
  expect(totalsOf(lastDays)).toEqual([7, 3 * 5_998])
  expect(totalsOf(lastMinutes)).toEqual([7, 3 * 5_998])
  expect(lastDays.at(-1)?.at).toMatch(/T00:00:00\.000Z$/)
  expect(lastMinutes.at(-1)?.at).toMatch(/:00\.000Z$/)
})

test('they agree with the orders after many were placed and changed at the same time, before and after they are summed up', async () => {
  const { userId } = await shop.user()
  const placing = Array.from({ length: 60 }, () => shop.post('', { amount: 3 }, asUser(userId)))
  const advancing = [...eachStatus, ...eachStatus].map(status => shop.orderIn(status))
  const [[first]] = await Promise.all([Promise.all(placing), Promise.all(advancing)])
  await shop.paid({ id: first?.json().id })
  await shop.deliver(userDeleted, { userId, version: 2, deletedAt: new Date().toISOString() })
  const expected = await recount()
  expect(expected.byStatus).toMatchObject({ cancelled: 61, paid: 3 })
  expect(await read()).toMatchObject(expected)
  await waitUntil('all is summed up', async () => (await waiting()) === 0)
  expect(await read()).toMatchObject(expected)
  expect(totalsOf((await read()).lastDays)).toEqual([expected.orders, expected.revenueCents])
})

test('they count orders of release 0.1 once, before and after these are taken in, and whatever becomes of them', async () => {
  await shop.resources.query({
    text: `insert into orders (id, status, total_cents, currency, version, created_at, updated_at)
           select overlay(gen_random_uuid()::text placing '01936f3e-8a5c-7' from 1)::uuid, 'paid', 100, 'BRL', 1, at, at
           from generate_series(1, 2500), (select now() - interval '3 days' as at) as t`,
  })
  const { rows } = await shop.resources.query<{ id: string }>({ text: 'select id from orders limit 1' })
  await shop.send('PATCH', `/${rows[0]?.id}/status`, { status: 'shipped' })
  const expected = { orders: 2_500, byStatus: { paid: 2_499, shipped: 1 }, revenueCents: 250_000 }
  expect(await read()).toMatchObject(expected)
  await waitUntil('they are taken in', async () => (await untallied()) === 0 && (await waiting()) === 0)
  expect(await read()).toMatchObject(expected)
  await shop.post(`/${rows[0]?.id}/refund`)
  const { lastDays, lastMinutes, ...stats } = await read()
  expect(stats).toMatchObject({ orders: 2_500, byStatus: { paid: 2_499, refunded: 1 }, revenueCents: 249_900 })
  expect(lastDays.map(({ orders }) => orders)).toEqual([2_500])
  expect(lastMinutes).toEqual([])
})
