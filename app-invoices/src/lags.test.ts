import { newId } from '@feira/chassis'
import { scrape, valueIn, waitUntil } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openInvoicing, type Invoicing } from './testing/invoicing.ts'
import { message, order } from './testing/order-stories.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
afterEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString()
const created = (seconds: number) => ({ ...orderCreated.example, orderId: newId(), createdAt: ago(seconds) })
const placed = (seconds: number, fields: object = {}) => order({ createdAt: ago(seconds), ...fields })

/** How many lags were observed because of `work`, once there are `expected`; their sum, and how many were at most 10 s. */
async function observedBy(expected: number, work: () => Promise<unknown>) {
  const read = async () => {
    const families = await scrape(invoices)
    const value = (part: string, labels = {}) => Number(valueIn(families, `order_invoice_lag_seconds_${part}`, labels))
    return { count: value('count'), sum: value('sum'), short: value('bucket', { le: '10' }) }
  }
  const before = await read()
  await work()
  // What is committed is seen in the database a moment before it is counted.
  await waitUntil('they are observed', async () => (await read()).count - before.count >= expected)
  const after = await read()
  return { count: after.count - before.count, sum: after.sum - before.sum, short: after.short - before.short }
}

test('an invoice was waited for since its order was placed', async () => {
  const { count, sum } = await observedBy(1, () => invoices.deliver(orderCreated, created(100)))
  expect(count).toBe(1)
  expect(sum).toBeGreaterThanOrEqual(100)
  expect(sum).toBeLessThan(115)
})

test('each invoice of a batch has its own lag', async () => {
  const about = [...Array.from({ length: 30 }, () => placed(0)), ...Array.from({ length: 20 }, () => placed(50))]
  const { count, short, sum } = await observedBy(50, async () => {
    await invoices.burst(about.map(each => message('created', each)))
    await invoices.settled(50)
  })
  expect({ count, short }).toEqual({ count: 50, short: 30 })
  expect(sum).toBeGreaterThanOrEqual(20 * 50)
})

test('the same order again, by whatever message, adds none', async () => {
  const payload = created(0)
  const messageId = newId()
  expect(await observedBy(1, () => invoices.deliver(orderCreated, payload, { messageId }))).toMatchObject({ count: 1 })
  expect(await observedBy(0, () => invoices.deliver(orderCreated, payload, { messageId }))).toMatchObject({ count: 0 })
  expect(await observedBy(0, () => invoices.deliver(orderCreated, payload))).toMatchObject({ count: 0 })
})

test('an invoice that is void when it arrives was waited for, too', async () => {
  const about = placed(0)
  const { count } = await observedBy(1, async () => {
    await invoices.burst([message('cancelled', about)])
    await invoices.settled(1)
    await invoices.burst([message('created', about)])
    await invoices.settled(2)
  })
  expect(count).toBe(1)
  expect(await invoices.sql('select status from invoices')).toEqual([{ status: 'void' }])
})

test('what is not committed adds none, its neighbours do, and a replay does once it succeeds', async () => {
  // Not before the commit.
  await invoices.sql(`create function fail() returns trigger language plpgsql as $$
    begin if new.total_cents = 666 then raise exception 'not this one'; end if; return null; end $$`)
  await invoices.sql(`create constraint trigger fail after insert on invoices deferrable initially deferred
    for each row execute function fail()`)
  const about = [placed(0), placed(0, { totalCents: 666 }), placed(0)]
  const { count } = await observedBy(2, async () => {
    await invoices.burst(about.map(each => message('created', each)))
    await waitUntil('it is dead', async () => (await invoices.deadLetters()).length === 1)
    await invoices.settled(2)
  })
  expect(count).toBe(2)
  await invoices.sql('drop function fail cascade')
  const replayed = await observedBy(1, async () => {
    await invoices.ops('POST', '/replay', { all: true })
    await invoices.settled(3)
  })
  expect(replayed.count).toBe(1)
})

test('a clock that runs ahead makes no lag negative', async () => {
  expect(await observedBy(1, () => invoices.deliver(orderCreated, created(-60)))).toMatchObject({ count: 1, sum: 0 })
})
