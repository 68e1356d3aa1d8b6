import { firstIdAt, newId } from '@feira/chassis'
import { asAdmin } from '@feira/chassis/testing'
import { invoiceIssued } from '@feira/contracts/invoices'
import { orderCancelled, orderCreated, orderPaid, orderRefunded, orderShipped } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Stats } from '../reading/stats.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { tell } from '../testing/stories.ts'

let model: OpenModel

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000]
/** The clock stands still, at the beginning of a period of everything that is cached. */
const now = Math.ceil(Date.now() / (30 * second)) * 30 * second

const placed = (age: number, totalCents: number, currency = 'BRL') => {
  const createdAt = new Date(now - age)
  const orderId = firstIdAt(createdAt).slice(0, -12) + newId().slice(-12)
  return { orderId, totalCents, currency, createdAt: createdAt.toISOString() }
}

const paid = placed(10 * second, 1_000)
const pending = placed(20 * second, 9_900)
const shipped = placed(5 * minute, 2_000)
const refunded = placed(10 * minute, 9_900)
const foreign = placed(2 * hour, 500, 'USD')
const cancelled = placed(3 * hour, 9_900)
const older = placed(3 * day, 4_000)
const tooOld = placed(8 * day, 9_900)

const invoiced = ({ orderId, createdAt }: typeof paid, lag: number) => {
  const issuedAt = new Date(Date.parse(createdAt) + lag).toISOString()
  return tell(invoiceIssued, { ...invoiceIssued.example, invoiceId: newId(), orderId, issuedAt })
}

beforeAll(async () => {
  model = await openModel()
  vi.useFakeTimers({ toFake: ['Date'], now })
  await model.told(
    tell(orderCreated, { ...orderCreated.example, ...pending }),
    ...[paid, foreign, older, tooOld].map(order => tell(orderPaid, { ...orderPaid.example, ...order })),
    tell(orderShipped, { ...orderShipped.example, ...shipped }),
    tell(orderRefunded, { ...orderRefunded.example, ...refunded }),
    tell(orderCancelled, { ...orderCancelled.example, ...cancelled }),
    invoiced(paid, 40),
    invoiced(shipped, 100),
    // Issued too long ago, and for an order that is not known.
    invoiced(foreign, 5_000),
    invoiced(placed(minute, 100), 5_000),
  )
})
afterAll(async () => {
  vi.useRealTimers()
  await model[Symbol.asyncDispose]()
})

const get = () => model.http.inject({ url: '/q/stats', headers: asAdmin() })
const stats = async (): Promise<Stats> => (await get()).json()

test('counts the orders of each of the last 60 minutes, and of the last 60 seconds', async () => {
  const { current, series } = (await stats()).ordersPerMinute
  expect(current).toBe(2)
  const starts = series.map(({ at }) => Date.parse(at))
  const last = Math.floor(now / minute) * minute
  expect(starts).toEqual(Array.from({ length: 60 }, (_, index) => last - (59 - index) * minute))
  for (const { at, orders } of series) {
    const inIt = [paid, pending, shipped, refunded].filter(
      ({ createdAt }) => Math.floor(Date.parse(createdAt) / minute) * minute === Date.parse(at),
    )
    expect([at, orders]).toEqual([at, inIt.length])
  }
})

test('sums what was paid and not given back, by currency, of 24 hours and by day', async () => {
  const { last24Hours, byDay } = (await stats()).revenue
  expect(last24Hours).toEqual([
    { currency: 'BRL', orders: 2, amount: 30, totalCents: 3_000 },
    { currency: 'USD', orders: 1, amount: 5, totalCents: 500 },
  ])
  const totals = new Map<string, number>()
  for (const { createdAt, currency, totalCents } of [paid, shipped, foreign, older]) {
    const key = `${createdAt.slice(0, 10)} ${currency}`
    totals.set(key, (totals.get(key) ?? 0) + totalCents)
  }
  expect(new Map(byDay.map(({ day, currency, totalCents }) => [`${day} ${currency}`, totalCents]))).toEqual(totals)
  expect(byDay.map(({ day }) => day)).toEqual(
    byDay
      .map(({ day }) => day)
      .toSorted()
      .toReversed(),
  )
})

test('tells how long invoices took that were issued in the last hour', async () => {
  expect((await stats()).invoiceLag).toEqual({ invoices: 2, p50Ms: 70, p95Ms: 97 })
})

test('counts again when 5 seconds have passed, and not before, whatever happens', async () => {
  const state = async () => (await get()).headers['x-cache']
  vi.setSystemTime(now + 5 * second)
  expect(await state()).toBe('MISS')
  await model.told(tell(orderCreated, { ...orderCreated.example, ...placed(second, 100) }))
  expect(await state()).toBe('HIT')
  vi.setSystemTime(now + 10 * second)
  expect(await state()).toBe('MISS')
  expect((await stats()).ordersPerMinute.current).toBe(3)
})
