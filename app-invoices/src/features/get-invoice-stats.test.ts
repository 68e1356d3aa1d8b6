import { newId } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { orderCancelled, orderCreated, orderPaid, orderRefunded } from '@feira/contracts/orders'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { countInvoices } from './count-invoices.ts'
import { openInvoicing, type Invoicing } from '../testing/invoicing.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing({})
})
beforeEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

async function stats() {
  const answer = await invoices.http.inject({ url: '/invoices/stats', headers: asAdmin() })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

const tally = (...cents: number[]) => {
  const totalCents = cents.reduce((sum, each) => sum + each, 0)
  return { count: cents.length, amount: totalCents / 100, totalCents }
}

const outcomes = { paid: orderPaid, cancelled: orderCancelled, refunded: orderRefunded }

async function order(totalCents: number, story: readonly (keyof typeof outcomes)[] = [], fields: object = {}) {
  const about = { orderId: newId(), userId: newId(), totalCents, ...fields }
  await invoices.deliver(orderCreated, { ...orderCreated.example, ...about })
  for (const what of story) {
    await invoices.deliverRaw(outcomes[what], JSON.stringify({ ...outcomes[what].example, ...about }))
  }
  return about
}

test('without invoices there is nothing to count', async () => {
  expect(await stats()).toEqual({ byStatus: [], byMonth: [] })
})

test('each invoice counts once, in the state it is in', async () => {
  await order(100)
  await order(250)
  await order(1_000, ['paid'])
  await order(2_000, ['paid', 'refunded'])
  await order(4_000, ['cancelled', 'cancelled'])
  const now = { currency: 'BRL', issued: tally(100, 250), paid: tally(1_000), void: tally(2_000, 4_000) }
  const { byStatus, byMonth } = await stats()
  expect(byStatus).toEqual([now])
  expect(byMonth).toEqual([{ month: expect.stringMatching(/^\d{4}-\d\d$/), ...now }])
})

test('one issued void, because its cancellation came first, counts as void', async () => {
  const about = { orderId: newId(), userId: newId(), totalCents: 500 }
  await invoices.deliver(orderCancelled, { ...orderCancelled.example, ...about })
  await invoices.deliver(orderCreated, { ...orderCreated.example, ...about })
  expect((await stats()).byStatus).toEqual([{ currency: 'BRL', issued: tally(), paid: tally(), void: tally(500) }])
})

test('currencies are not added up', async () => {
  await order(100)
  await order(900, [], { currency: 'EUR' })
  expect((await stats()).byStatus).toMatchObject([
    { currency: 'BRL', issued: tally(100) },
    { currency: 'EUR', issued: tally(900) },
  ])
})

test('months are those of issue, in the time zone of the invoices, newest first', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-07-01T02:59:59.999Z') })
  try {
    const about = await order(100)
    vi.setSystemTime(new Date('2030-07-01T03:00:00.000Z'))
    await order(200)
    await invoices.deliver(orderPaid, { ...orderPaid.example, ...about })
  } finally {
    vi.useRealTimers()
  }
  expect((await stats()).byMonth).toMatchObject([
    { month: '2030-07', issued: tally(200), paid: tally() },
    { month: '2030-06', issued: tally(), paid: tally(100) },
  ])
})

test('invoices of release 0.1, which kept no totals, count before and after they are taken in', async () => {
  const about = await order(100)
  await order(1_000, ['paid'])
  await invoices.sql('truncate invoice_totals')
  await invoices.sql(`update invoices set month = null, issued_at = '2026-12-01T02:59:59Z'`)
  const open = { issued: tally(100), paid: tally(1_000) }
  expect((await stats()).byMonth).toMatchObject([{ month: '2026-11', ...open }])
  expect((await stats()).byStatus).toMatchObject([open])
  // Changed while it is in no total yet.
  await invoices.deliver(orderPaid, { ...orderPaid.example, ...about })
  const paid = { currency: 'BRL', issued: tally(), paid: tally(100, 1_000), void: tally() }
  expect((await stats()).byStatus).toEqual([paid])
  await Promise.all([1, 2].map(() => countInvoices.run(invoices.resources as never, new AbortController().signal)))
  expect(await invoices.sql('select 1 from invoices where month is null')).toEqual([])
  expect(await stats()).toEqual({ byStatus: [paid], byMonth: [{ month: '2026-11', ...paid }] })
  await invoices.deliver(orderRefunded, { ...orderRefunded.example, ...about })
  expect((await stats()).byStatus).toEqual([{ ...paid, paid: tally(1_000), void: tally(100) }])
})

test('they agree with the invoices after many were issued and changed at the same time', async () => {
  const messages = Array.from({ length: 60 }, (_, index) => {
    const about = { orderId: newId(), userId: newId(), totalCents: index + 1 }
    const created = { type: 'order.created', data: { ...orderCreated.example, ...about } }
    if (index % 3 === 0) return [created]
    const outcome = index % 3 === 1 ? orderPaid : orderCancelled
    return [created, { type: outcome.type, data: { ...outcome.example, ...about } }]
  }).flat()
  await invoices.burst(messages)
  await invoices.settled(messages.length)
  const rows = await invoices.sql(
    'select status, count(*)::int, sum(total_cents)::int as cents from invoices group by status',
  )
  const [{ issued, paid, void: voided }] = (await stats()).byStatus
  const counted = { issued, paid, void: voided }
  expect(rows).toHaveLength(3)
  for (const { status, count, cents } of rows) {
    expect(counted[status as keyof typeof counted]).toEqual({ count, amount: cents / 100, totalCents: cents })
  }
})

test('they are for admins', async () => {
  const answer = await invoices.http.inject({ url: '/invoices/stats', headers: asUser() })
  expect(answer.statusCode).toBe(403)
})
