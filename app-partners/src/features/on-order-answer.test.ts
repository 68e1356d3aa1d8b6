import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import { stockAdjustmentRefused } from '@feira/contracts/products'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aReturn, aSale, aStockUpdate, startIntake, type Intake } from '../testing/intake.ts'

let intake: Intake

beforeAll(async () => {
  intake = await startIntake()
})
afterAll(() => intake[Symbol.asyncDispose]())

async function distributed(event: object): Promise<string> {
  const id = await intake.accepted(event)
  await intake.becomes(id, 'distributed')
  return id
}

async function returned(): Promise<{ sale: string; id: string; orderId: string }> {
  const { id: sale, orderId } = await intake.sold()
  return { sale, orderId, id: await distributed(aReturn(sale)) }
}

const origin = (eventId: string) => ({ origin: { partnerId: newId(), eventId } })

describe('a sale', () => {
  test('is completed by its reservation, and says which order it placed', async () => {
    const id = await distributed(aSale)
    const orderId = await intake.reserved(id)
    const event = await intake.read(id)
    expect(event).toMatchObject({ status: 'completed', orderId, outcome: { code: 'reserved' } })
    expect(event.settledAt).toBe(event.history.at(-1)?.at)
  })

  test.each([
    ['paid', orderPaid],
    ['shipped', orderShipped],
    ['completed', orderCompleted],
    ['refunded', orderRefunded],
  ] as const)('is completed by an order that is %s already', async (_state, message) => {
    const id = await distributed(aSale)
    await intake.deliver<typeof orderPaid>(message as typeof orderPaid, {
      ...(message as typeof orderPaid).example,
      ...origin(id),
    })
    expect(await intake.read(id)).toMatchObject({ status: 'completed', orderId: message.example.orderId })
  })

  test('knows its order before it is answered', async () => {
    const id = await distributed(aSale)
    const { version } = await intake.read(id)
    const orderId = await intake.placed(id)
    expect(await intake.read(id)).toMatchObject({ status: 'distributed', orderId, version: version + 1 })
  })

  test('whose order is cancelled for lack of stock is refused, and says why', async () => {
    const id = await distributed(aSale)
    const orderId = newId()
    await intake.cancelled({ ...origin(id), orderId, version: 2, reason: 'out of stock: Café' })
    const outcome = { code: 'order-cancelled', detail: 'out of stock: Café' }
    expect(await intake.read(id)).toMatchObject({ status: 'refused', orderId, outcome })
  })

  test('refused by a rule says which', async () => {
    const id = await distributed(aSale)
    await intake.refused(id, { code: 'price-changed', detail: 'It costs 31.99.' })
    const { status, outcome, history } = await intake.read(id)
    expect({ status, outcome }).toEqual({
      status: 'refused',
      outcome: { code: 'price-changed', detail: 'It costs 31.99.' },
    })
    expect(history.at(-1)).toMatchObject({ status: 'refused', detail: 'It costs 31.99.' })
  })
})

describe('a return', () => {
  test.each(['cancelled', 'refunded'] as const)('is completed when its order is %s because of it', async how => {
    const { sale, id, orderId } = await returned()
    await intake[how]({ ...origin(sale), orderId, version: 3, causedBy: id })
    expect(await intake.read(id)).toMatchObject({ status: 'completed', orderId, outcome: { code: how } })
    expect(await intake.read(sale)).toMatchObject({ status: 'completed', outcome: { code: 'reserved' } })
  })

  test('is not completed by what happens to its order for another reason', async () => {
    const { sale, id, orderId } = await returned()
    await intake.cancelled({ ...origin(sale), orderId, version: 3, reason: 'not paid in time' })
    expect((await intake.read(id)).status).toBe('distributed')
  })

  test('of what was returned before is refused, as app-orders says', async () => {
    const { sale, id, orderId } = await returned()
    await intake.cancelled({ ...origin(sale), orderId, version: 3, causedBy: id })
    const again = await distributed(aReturn(sale))
    await intake.refused(again, { code: 'invalid-transition', detail: 'The order is cancelled.' })
    expect(await intake.read(again)).toMatchObject({ status: 'refused', outcome: { code: 'invalid-transition' } })
    expect(await intake.read(id)).toMatchObject({ status: 'completed' })
  })
})

describe('a stock update', () => {
  test('is completed by the new stock', async () => {
    const id = await distributed(aStockUpdate)
    await intake.adjusted(id)
    const outcome = { code: 'adjusted', detail: 'The stock of CAFE-250 was set to 40.' }
    expect(await intake.read(id)).toMatchObject({ status: 'completed', outcome })
  })

  test('of a product that nobody knows is refused', async () => {
    const id = await distributed(aStockUpdate)
    await intake.deliver(stockAdjustmentRefused, { ...stockAdjustmentRefused.example, causedBy: id })
    expect(await intake.read(id)).toMatchObject({ status: 'refused', outcome: { code: 'product-unknown' } })
  })
})

test('the messages about an order end in the same place in any order', async () => {
  const orderId = newId()
  const cancelled = { ...orderCancelled.example, orderId, version: 3 }
  const messages = [
    (id: string) => intake.placed(id, orderId),
    (id: string) => intake.reserved(id, orderId),
    (id: string) => intake.deliver(orderCancelled, { ...cancelled, ...origin(id) }),
  ] as const
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ] as const
  for (const order of orders) {
    const id = await distributed(aSale)
    for (const index of order) await messages[index](id)
    expect(await intake.read(id), order.join()).toMatchObject({
      status: 'completed',
      orderId,
      outcome: { code: 'reserved' },
    })
  }
})

test('the same answer again, and another one, change nothing', async () => {
  const id = await distributed(aSale)
  const orderId = await intake.reserved(id)
  const before = await intake.read(id)
  await intake.reserved(id, orderId)
  await intake.refused(id)
  await intake.cancelled({ ...origin(id), orderId, version: 2 })
  expect(await intake.read(id)).toEqual(before)
})

test('an answer that overtakes the attempt wins, and nothing is commanded any more', async () => {
  const id = newId()
  await intake.resources.query({
    text: `insert into events (id, partner_id, kind, data, content_hash, state, received_at, updated_at)
           values ($1, $2, 'sale', $3, '', 'received', now(), now())`,
    values: [id, newId(), aSale.dados],
  })
  await intake.reserved(id)
  expect(await intake.read(id)).toMatchObject({ status: 'completed', attempts: 0 })
})

test('an answer to an event that is not visible yet waits for it', async () => {
  const id = newId()
  let answer: Promise<unknown> = Promise.resolve()
  await intake.resources.transact(async tx => {
    await tx.query({
      text: `insert into events (id, partner_id, kind, data, content_hash, state, received_at, updated_at)
             values ($1, $2, 'sale', $3, '', 'distributed', now(), now())`,
      values: [id, newId(), aSale.dados],
    })
    answer = intake.reserved(id)
    await waitUntil('the answer was tried in vain', async () =>
      /on-order-answer.*retried.* [1-9]/.test(await intake.resources.metrics.metrics()),
    )
  })
  await answer
  expect(await intake.read(id)).toMatchObject({ status: 'completed' })
})

test('orders that no partner placed are left alone', async () => {
  await intake.deliver(orderCreated, orderCreated.example)
  await intake.deliver(orderReserved, orderReserved.example)
  await intake.deliver(orderCancelled, orderCancelled.example)
  const { rows } = await intake.resources.query({ text: 'select 1 from chassis.dead_letters' })
  expect(rows).toEqual([])
})
