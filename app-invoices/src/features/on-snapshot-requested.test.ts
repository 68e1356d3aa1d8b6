import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { invoiceSnapshot } from '@feira/contracts/invoices'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openInvoicing, type Invoicing } from '../testing/invoicing.ts'
import { order, payloadOf, told, type Order, type Told } from '../testing/order-stories.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
beforeEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

async function tell(about: Order, ...story: Told[]) {
  for (const what of story) await invoices.deliver(told[what], payloadOf(what, about))
  return about.orderId
}

async function ask() {
  const requestId = newId()
  await invoices.deliver(snapshotRequested, { requestId, kinds: ['invoice'], replyQueue: 'queries.on-snapshot' })
  await waitUntil('all are sent', async () => (await invoices.published(snapshotCompleted)).length > 0)
  return requestId
}

test('invoices are sent as they are now', async () => {
  const issued = await tell(order(), 'created')
  const paid = await tell(order(), 'created', 'paid')
  const refunded = await tell(order(), 'created', 'paid', 'refunded')
  const requestId = await ask()
  const sent = await invoices.published(invoiceSnapshot)
  const time = expect.any(String)
  expect(sent).toMatchObject([
    { orderId: issued, version: 1, status: 'issued', paidAt: null, voidedAt: null, requestId },
    { orderId: paid, version: 2, status: 'paid', paidAt: time, voidedAt: null, requestId },
    { orderId: refunded, version: 3, status: 'void', paidAt: time, voidedAt: time, requestId },
  ])
  expect(sent.map(({ number }) => number)).toEqual(await invoices.numbers())
  expect(sent[0]?.customer).toEqual({ name: 'Ana Souza', email: 'ana@example.com', locale: 'pt-BR' })
  expect(await invoices.published(snapshotCompleted)).toEqual([
    { requestId, owner: 'invoices', kind: 'invoice', count: 3 },
  ])
})

test('the invoice of an erased user names nobody', async () => {
  const about = order()
  await tell(about, 'created')
  await invoices.deliver(userDeleted, { ...userDeleted.example, userId: about.userId })
  await ask()
  expect(await invoices.published(invoiceSnapshot)).toMatchObject([{ userId: about.userId, customer: null }])
})

test('many invoices are all sent, each once', async () => {
  await invoices.sql(
    `insert into invoices (id, order_id, number, status, total_cents, currency, version, month, issued_at, updated_at)
     select gen_random_uuid(), gen_random_uuid(), '2026-' || lpad(n::text, 6, '0'), 'issued', 100, 'BRL', 1, '2026-11',
       now(), now() from generate_series(1, 1100) as n`,
  )
  await ask()
  const sent = await invoices.published(invoiceSnapshot)
  expect(sent).toHaveLength(1_100)
  expect(new Set(sent.map(({ number }) => number)).size).toBe(1_100)
})
