import { newId, startService } from '@feira/chassis'
import { asUser, scrape, valueIn, waitUntil } from '@feira/chassis/testing'
import { partnerSale } from '@feira/contracts/orders'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from './service.ts'
import { tallies } from './tallies.ts'
import { sale, sell } from './testing/partner.ts'
import { admin, eachStatus, startShop, type Shop } from './testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop({ OUTBOX_POLL_INTERVAL: '20ms' })
})
afterAll(() => shop[Symbol.asyncDispose]())

/** How many orders there are in each state, as the database and as the metrics have it. */
async function counts() {
  const text = 'select status, count(*)::int as orders from orders group by status'
  const { rows } = await shop.resources.query<{ status: string; orders: number }>({ text })
  const families = await scrape(shop)
  return {
    stored: { ...zeros, ...Object.fromEntries(rows.map(({ status, orders }) => [status, orders])) },
    measured: Object.fromEntries(eachStatus.map(status => [status, valueIn(families, 'orders', { status })])),
  }
}
const zeros = Object.fromEntries(eachStatus.map(status => [status, 0]))

describe('orders', () => {
  test('are 0 in every state where there are none', async () => {
    expect((await counts()).measured).toEqual(zeros)
  })

  test('are counted in the state in which they are', async () => {
    for (const status of eachStatus) await shop.orderIn(status)
    for (const status of ['paid', 'paid', 'cancelled'] as const) await shop.orderIn(status)
    const { stored, measured } = await counts()
    expect(measured).toEqual(stored)
    expect(measured).toMatchObject({ pending: 1, paid: 3, cancelled: 2, refunded: 1 })
  })

  test('are counted without reading them', async () => {
    const { rows } = await shop.resources.query<{ 'QUERY PLAN': string }>({
      text: `explain select status, sum(orders)::int as orders from (${tallies}) as t group by status`,
    })
    const plan = rows.map(row => row['QUERY PLAN']).join('\n')
    expect(plan).toContain('order_tallies')
    expect(plan).not.toMatch(/ orders\b/)
  })

  test('are the same in every replica', async () => {
    const replica = await startService(service, shop.env)
    const [mine, theirs] = [await scrape(shop), await scrape(replica)]
    await replica.stop()
    for (const status of eachStatus)
      expect(valueIn(theirs, 'orders', { status })).toBe(valueIn(mine, 'orders', { status }))
  })
})

describe('placed orders', () => {
  const kinds = ['items', 'amount', 'partner']

  async function read(): Promise<number[]> {
    const families = await scrape(shop)
    return kinds.map(kind => Number(valueIn(families, 'orders_placed_total', { kind })))
  }

  /** What `work` adds to the counts of orders of items, of an amount and of partners, once it has added `total`. */
  async function added(total: number, work: () => Promise<unknown>): Promise<number[]> {
    const before = await read()
    const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0)
    await work()
    // What is committed is seen in the database a moment before it is counted.
    await waitUntil('they are counted', async () => sum(await read()) - sum(before) >= total)
    return (await read()).map((after, index) => after - Number(before[index]))
  }

  test('are counted by their kind', async () => {
    expect(await added(1, () => shop.order())).toEqual([1, 0, 0])
    expect(await added(1, () => shop.post('', { amount: 29.99 }))).toEqual([0, 1, 0])
    expect(await added(1, () => sell(shop))).toEqual([0, 0, 1])
    // A product that becomes known while its sale waits for it.
    const late = { sku: `SKU-${newId()}`.toUpperCase() }
    expect(
      await added(1, async () => {
        await shop.deliver(partnerSale, sale({ product: late.sku }))
        await shop.product(late)
      }),
    ).toEqual([0, 0, 1])
  })

  test('are counted together where they were written together', async () => {
    const burst = () => Promise.all(Array.from({ length: 100 }, () => shop.post('', { amount: 29.99 })))
    expect(await added(100, burst)).toEqual([0, 100, 0])
  })

  test('are counted once, however often they are asked for', async () => {
    const key = { ...admin, 'idempotency-key': newId() }
    const again = () => Promise.all(Array.from({ length: 5 }, () => shop.post('', { amount: 29.99 }, key)))
    expect(await added(1, again)).toEqual([0, 1, 0])
    expect(await added(0, again)).toEqual([0, 0, 0])
    const { sku } = await shop.product({ sku: `SKU-${newId()}`.toUpperCase() })
    const sold = sale({ product: sku })
    const messageId = newId()
    expect(await added(1, () => shop.deliver(partnerSale, sold, { messageId }))).toEqual([0, 0, 1])
    // The same message again, and the same event in another message.
    expect(await added(0, () => shop.deliver(partnerSale, sold, { messageId }))).toEqual([0, 0, 0])
    expect(await added(0, () => shop.deliver(partnerSale, sold))).toEqual([0, 0, 0])
  })

  test('are not those that were refused, or that the database did not take', async () => {
    const stranger = asUser(newId())
    expect(await added(0, () => shop.post('', { items: [{ productId: newId(), quantity: 1 }] }, stranger))).toEqual([
      0, 0, 0,
    ])
    expect(await added(0, () => shop.deliver(partnerSale, sale({ product: 'NO-SUCH-SKU' })))).toEqual([0, 0, 0])
    await shop.resources.query({
      text: 'alter table orders add constraint cheap check (total_cents < 600000) not valid',
    })
    const mixed = () => Promise.all([10, 7_000, 20, 8_000].map(amount => shop.post('', { amount })))
    expect(await added(2, mixed)).toEqual([0, 2, 0])
    await shop.resources.query({ text: 'alter table orders drop constraint cheap' })
  })

  test('are not those whose commit failed', async () => {
    const sql = (text: string) => shop.resources.query({ text })
    await sql(`create function fail() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`)
    await sql(`create constraint trigger fail after insert on orders deferrable initially deferred
      for each row execute function fail()`)
    const { sku } = await shop.product({ sku: `SKU-${newId()}`.toUpperCase() })
    expect(await added(0, () => shop.deliver(partnerSale, sale({ product: sku })))).toEqual([0, 0, 0])
    expect(await added(0, () => shop.post('', { amount: 29.99 }))).toEqual([0, 0, 0])
    await sql('drop function fail cascade')
    expect(await added(1, () => sell(shop, { product: sku }))).toEqual([0, 0, 1])
  })
})
