import { newId } from '@feira/chassis'
import { startTestService, waitUntil, type TestService } from '@feira/chassis/testing'
import { invoiceIssued, invoicePaid, invoiceVoided } from '@feira/contracts/invoices'
import { orderCancelled, orderCreated, orderPaid } from '@feira/contracts/orders'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { service } from '../service.ts'

let invoices: TestService

beforeAll(async () => {
  invoices = await startTestService(service)
})
beforeEach(() =>
  sql(
    'truncate invoices, invoice_marks, invoice_totals, chassis.outbox, chassis.dead_letters, chassis.erased_subjects',
  ),
)
afterAll(() => invoices[Symbol.asyncDispose]())

const sql = async (text: string, ...values: unknown[]) => (await invoices.resources.query({ text, values })).rows

const bea = { name: 'Beatriz Quintela', email: 'bea.quintela@example.com', locale: 'en' as const }
const order = (userId: string) => ({ orderId: newId(), userId, customer: bea, totalCents: 2999 })
type Order = ReturnType<typeof order>

const create = (about: Order) => invoices.deliver(orderCreated, { ...orderCreated.example, ...about })
const pay = (about: Order) => invoices.deliver(orderPaid, { ...orderPaid.example, ...about })
const cancel = (about: Order) => invoices.deliver(orderCancelled, { ...orderCancelled.example, ...about })
const erase = (userId: string) => invoices.deliver(userDeleted, { ...userDeleted.example, userId })

/** Every place of this database that mentions Bea. */
async function mentions(): Promise<string[]> {
  const tables = await sql(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'chassis')`,
  )
  const found: string[] = []
  for (const { name } of tables) {
    const rows = await sql(`select 1 from ${name} as t where t::text ~* 'quintela'`)
    if (rows.length > 0) found.push(name)
  }
  expect(tables.length).toBeGreaterThan(8)
  return found
}

test('an invoice keeps number, amounts and lines, but not the person', async () => {
  const about = order(newId())
  await create(about)
  const [before] = await sql('select * from invoices')
  expect(await mentions()).toEqual(expect.arrayContaining(['public.invoices', 'chassis.outbox']))
  await erase(about.userId)
  expect(await sql('select * from invoices')).toEqual([
    { ...before, customer_name: null, customer_email: null, erased_at: expect.any(Date) },
  ])
  expect(await mentions()).toEqual([])
  expect(await invoices.published(invoiceIssued)).toMatchObject([{ customer: null, totalCents: 2999 }])
})

test('others keep theirs', async () => {
  const [hers, his] = [order(newId()), { ...order(newId()), customer: { name: 'Caio', email: 'caio@example.com' } }]
  await create(hers)
  await create(his as Order)
  await erase(hers.userId)
  const rows = await sql('select customer_email from invoices where order_id = $1', his.orderId)
  expect(rows).toEqual([{ customer_email: 'caio@example.com' }])
})

test('what arrives afterwards brings nobody back, in whatever order', async () => {
  const userId = newId()
  const [known, late, early] = [order(userId), order(userId), order(userId)]
  await create(known)
  await erase(userId)
  await pay(known)
  await create(late)
  await cancel(late)
  await cancel(early)
  await create(early)
  expect(await mentions()).toEqual([])
  expect(await sql('select status from invoices order by status')).toEqual([
    { status: 'paid' },
    { status: 'void' },
    { status: 'void' },
  ])
  expect(await invoices.published(invoicePaid)).toMatchObject([{ customer: null }])
  expect(await invoices.published(invoiceVoided)).toMatchObject([{ customer: null }, { customer: null }])
})

test('dead letters that mention the person are emptied', async () => {
  const about = order(newId())
  await create(about)
  await invoices.deliverRaw(orderCreated, JSON.stringify({ ...orderCreated.example, ...about, totalCents: 0 }))
  await invoices.deliverRaw(orderCreated, JSON.stringify({ note: `ask ${bea.name}` }))
  expect(await mentions()).toContain('chassis.dead_letters')
  await erase(about.userId)
  expect(await mentions()).toEqual([])
  expect(await sql('select 1 from chassis.dead_letters')).toHaveLength(2)
})

test('whoever was written by a transaction in flight is removed a moment later', async () => {
  const about = order(newId())
  await create(about)
  await erase(about.userId)
  await sql(`update invoices set customer_name = $1, customer_email = $2`, bea.name, bea.email)
  expect(await mentions()).not.toEqual([])
  await waitUntil('the erasure was repeated', async () => (await mentions()).length === 0)
})

test('being told twice changes nothing', async () => {
  const about = order(newId())
  await create(about)
  await erase(about.userId)
  const before = await sql('select * from invoices')
  await erase(about.userId)
  expect(await sql('select * from invoices')).toEqual(before)
})
