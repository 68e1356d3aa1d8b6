import { startService } from '@feira/chassis'
import { asUser, waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { service } from '../service.ts'
import { startShop, type Shop } from '../testing/shop.ts'

const days = 24 * 3_600_000

/** Makes orders as old as if they had been placed some time ago; their ids are the proof of their age. */
async function age(shop: Shop, ids: readonly string[], by: number): Promise<string[]> {
  const older = ids.map(id => {
    const time = (Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) - by).toString(16).padStart(12, '0')
    return `${time.slice(0, 8)}-${time.slice(8)}${id.slice(13)}`
  })
  for (const table of ['orders set id', 'order_history set order_id']) {
    const column = table.split(' ')[2]
    await shop.resources.query({
      text: `update ${table} = t.older from unnest($1::uuid[], $2::uuid[]) as t (young, older) where ${column} = t.young`,
      values: [ids, older],
    })
  }
  return older
}

const start = async (shop: Shop) => startService(service, { ...shop.env, PORT: '0' })

test('what is unpaid after the deadline is cancelled and its stock released; nothing else is', async () => {
  await using shop = await startShop()
  const quick = (await shop.post('', { amount: 1 }, asUser())).json().id as string
  const [pending, reserved, paid, shipped, early, young] = [
    await shop.orderIn('pending'),
    await shop.orderIn('reserved'),
    await shop.orderIn('paid'),
    await shop.orderIn('shipped'),
    await shop.orderIn('pending'),
    await shop.orderIn('reserved'),
  ]
  await shop.paid(early)
  expect(pending.payBy).toBe(new Date(Date.parse(pending.createdAt) + days).toISOString())
  const old = await age(
    shop,
    [pending, reserved, paid, shipped, early, { id: quick }].map(({ id }) => id),
    days + 1_000,
  )
  const almost = await age(shop, [young.id], days - 60_000)

  // Its job runs when it starts; two replicas look at the same time.
  const others = await Promise.all([start(shop), start(shop)])
  const statuses = async () => Promise.all([...old, ...almost].map(async id => (await shop.read(id)).status))
  await waitUntil(
    'the job has run',
    async () => (await statuses()).filter(status => status === 'cancelled').length === 3,
  )
  await Promise.all(others.map(other => other.stop()))
  expect(await statuses()).toEqual(['cancelled', 'cancelled', 'paid', 'shipped', 'pending', 'cancelled', 'reserved'])

  const published = async (id = '') => (await shop.publishedOf(id)).map(({ type }) => type)
  expect(await published(old[0])).toEqual(['order.cancelled', 'stock.release'])
  expect(await published(old[1])).toEqual(['order.cancelled', 'stock.release'])
  expect(await published(old[5])).toEqual(['order.cancelled'])
  expect((await shop.history(old[0] ?? '')).at(-1)).toMatchObject({ version: 2, reason: 'not paid in time' })
})

test('however many there are, in two replicas, each is cancelled once', async () => {
  await using shop = await startShop({ ORDER_PAYMENT_DEADLINE: '1h' })
  const placed = await Promise.all(Array.from({ length: 250 }, () => shop.post('', { amount: 1 }, asUser())))
  await age(
    shop,
    placed.map(answer => answer.json().id as string),
    3_700_000,
  )
  const others = await Promise.all([start(shop), start(shop)])
  const count = async (text: string) => (await shop.resources.query<{ count: number }>({ text })).rows[0]?.count
  const cancelled = `select count(*)::int from orders where status = 'cancelled' and version = 2`
  await waitUntil('all are cancelled', async () => (await count(cancelled)) === 250)
  await Promise.all(others.map(other => other.stop()))
  expect(await count(`select count(*)::int from chassis.outbox where type = 'order.cancelled'`)).toBe(250)
  expect(await count(`select count(*)::int from order_history where version = 2`)).toBe(250)
})

test('looking for them reads only what is due, however many orders are old and however many unpaid', async () => {
  await using shop = await startShop()
  const { query } = shop.resources
  await query({
    text: `insert into orders (id, status, total_cents, currency, version, tallied, created_at, updated_at)
           select overlay(overlay(gen_random_uuid()::text placing '7' from 15) placing prefix from 1)::uuid, status, 1, 'BRL', 1,
             true, now(), now()
           from generate_series(1, 8000), (values ('0193', 'completed'), ('fffd', 'reserved'), ('fffe', 'reserved'), ('ffff', 'reserved')) as t (prefix, status)`,
  })
  await query({ text: 'analyze orders' })
  const read = async () => {
    const { rows } = await query<{ read: number }>({
      text: `select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_user_tables where relname = 'orders'`,
    })
    return rows[0]?.read ?? 0
  }
  const before = await read()
  const other = await start(shop)
  await waitUntil('its job has run', async () => {
    const runs = await other.resources.metrics.getSingleMetric('job_runs_total')?.get()
    return runs?.values.some(({ labels, value }) => labels['job'] === 'expire-unpaid-orders' && value > 0) ?? false
  })
  // PostgreSQL counts what a connection has read when it ends.
  await other.stop()
  expect((await read()) - before).toBeLessThan(100)
})
