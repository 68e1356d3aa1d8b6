import type { Query } from '@feira/chassis'
import { asAdmin } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { readRecent } from './stats.ts'
import { orderVisibleTo } from './visibility.ts'
import { selectWholeOrder } from './whole-order.ts'

let model: OpenModel
let id: string

const count = 30_000

/** An order every three minutes until now, each with an invoice, a notification and an event; users and products. */
beforeAll(async () => {
  model = await openModel()
  const now = new Date().toISOString()
  const rows = `(select n, at, md5(n::text)::uuid as other, md5((n % 3000)::text)::uuid as owner,
      (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '8' || substr(md5(n::text), 4, 15))::uuid as order_id
    from (select n, timestamptz '${now}' - n * interval '3 minutes' as at from generate_series(1, ${count}) as n) as t) as t`
  await model.sql(`
    insert into model.orders (id, version, user_id, status, items, total_cents, currency, created_at, changed_at)
    select order_id, 1, owner, 'paid', jsonb_build_array(jsonb_build_object('productId', owner, 'name', 'Chá',
      'quantity', 1, 'unitPriceCents', 100)), 100, 'BRL', at, at from ${rows}`)
  await model.sql(`
    insert into model.invoices (id, version, order_id, number, user_id, status, total_cents, currency, issued_at)
    select other, 1, order_id, n, owner, 'issued', 100, 'BRL', at + interval '40 ms' from ${rows}`)
  await model.sql(`
    insert into model.notifications (id, version, order_id, user_id, channel, status, at)
    select other, 1, order_id, owner, 'email', 'sent', at from ${rows}`)
  await model.sql(`
    insert into timeline (message_id, order_id, user_id, type, service, trace_id, published_at, projected_at)
    select n, order_id, owner, 'order.created', 'orders', repeat('a', 32), at, at from ${rows}`)
  await model.sql(`insert into model.users (id, version, name) select other, 1, 'Ana' from ${rows}`)
  await model.sql(`insert into model.products (id, version, name) select other, 1, 'Chá' from ${rows}`)
  await model.sql('analyze')
  const [order] = await model.sql<{ id: string }>('select id from model.orders limit 1 offset 100')
  id = order?.id ?? ''
})
afterAll(() => model[Symbol.asyncDispose]())

async function planOf(text: string, values: readonly unknown[]): Promise<string> {
  const lines = await model.sql<{ 'QUERY PLAN': string }>(`explain ${text}`, ...values)
  return lines.map(line => line['QUERY PLAN']).join('\n')
}

/** Runs statements and notes how PostgreSQL does so. */
function explaining(plans: string[]): Query {
  return async statement => {
    plans.push(await planOf(statement.text, statement.values ?? []))
    return model.resources.query(statement)
  }
}

test('a whole order is read by indexes alone', async () => {
  const { sql } = selectWholeOrder(model.resources.db).toSQL()
  const plan = await planOf(sql, [id, 1])
  for (const index of ['orders_pkey', 'users_pkey', 'products_pkey', 'invoices_order', 'notifications_order'])
    expect(plan).toContain(index)
  expect(plan).not.toContain('Seq Scan')
  const answer = await model.http.inject({ url: `/q/orders/${id}`, headers: asAdmin() })
  expect(answer.json()).toMatchObject({
    user: { name: 'Ana' },
    invoice: { version: 1 },
    notifications: [{ version: 1 }],
  })
})

test('figures of the last hour and day read no more than those', async () => {
  const plans: string[] = []
  const recent = await readRecent(explaining(plans))
  expect(recent.last24Hours).toEqual([{ currency: 'BRL', orders: 479, amount: 479, totalCents: 47_900 }])
  expect(recent.invoiceLag).toMatchObject({ invoices: 19, p50Ms: 40, p95Ms: 40 })
  expect(plans).toHaveLength(3)
  for (const plan of plans) {
    expect(plan).toMatch(/orders_pkey/)
    expect(plan).not.toContain('Seq Scan')
  }
})

test('whose an order is takes two looks into indexes', async () => {
  const plans: string[] = []
  const caller = { id: '', roles: ['admin'], claims: {} }
  expect(await orderVisibleTo(explaining(plans), caller, id)).toBe(true)
  expect(plans.join()).toMatch(/orders_pkey[^]*timeline_order/)
  expect(plans.join()).not.toContain('Seq Scan')
})
