import { newId } from '@feira/chassis'
import { orderCancelled, orderRefunded, partnerReturn } from '@feira/contracts/orders'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OrderStatus } from '../domain/order.ts'
import { giveBack, refusalsOf, sell } from '../testing/partner.ts'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop({ OUTBOX_POLL_INTERVAL: '20ms' })
})
afterAll(() => shop[Symbol.asyncDispose]())

/** A sale whose order was led to a state. */
async function soldIn(status: OrderStatus) {
  const sold = await sell(shop)
  await shop.lead(sold.orderId, status)
  return sold
}

/** What was said because of an event. */
async function answersTo(eventId: string) {
  const all = [...(await shop.published(orderCancelled)), ...(await shop.published(orderRefunded))]
  return all.filter(({ causedBy }) => causedBy === eventId)
}

test.each([
  ['pending', 'cancelled'],
  ['reserved', 'cancelled'],
  ['paid', 'refunded'],
  ['shipped', 'refunded'],
  ['completed', 'refunded'],
] as const)('a sale that is %s is %s, its stock comes back, and the answer names the event', async (from, to) => {
  const { partnerId, orderId } = await soldIn(from)
  const command = giveBack(partnerId, orderId)
  await shop.deliver(partnerReturn, command)
  const { status, version } = await shop.read(orderId)
  expect(status).toBe(to)
  expect(await answersTo(command.eventId)).toMatchObject([
    { orderId, version, reason: 'arrived broken', causedBy: command.eventId, origin: { partnerId } },
  ])
  expect(await refusalsOf(shop, command.eventId)).toEqual([])
  const releases = (await shop.publishedOf(orderId)).filter(({ type }) => type === 'stock.release')
  expect(releases).toHaveLength(1)
  expect((await shop.history(orderId)).at(-1)).toEqual({ version, status: to, reason: 'arrived broken' })
})

test.each(['cancelled', 'refunded'] as const)('a sale that is %s cannot be returned again', async status => {
  const { partnerId, orderId } = await soldIn(status)
  const command = giveBack(partnerId, orderId)
  await shop.deliver(partnerReturn, command)
  expect(await refusalsOf(shop, command.eventId)).toEqual([
    {
      causedBy: command.eventId,
      orderId,
      code: 'invalid-transition',
      detail: `The order is ${status}, and from there it cannot become refunded.`,
      refusedAt: expect.any(String),
    },
  ])
})

test('what is not the sale of that partner is unknown, and stays as it is', async () => {
  const { orderId } = await sell(shop)
  const ofCustomer = await shop.order()
  for (const id of [orderId, ofCustomer.id, newId()]) {
    const command = giveBack(newId(), id)
    await shop.deliver(partnerReturn, command)
    expect(await refusalsOf(shop, command.eventId)).toMatchObject([{ code: 'sale-unknown', orderId: id }])
  }
  expect((await shop.read(orderId)).status).toBe('pending')
  expect((await shop.read(ofCustomer.id)).status).toBe('pending')
})

test('a customer of the same id has no sale either', async () => {
  const ofCustomer = await shop.order()
  const command = giveBack(String(ofCustomer.userId), ofCustomer.id)
  await shop.deliver(partnerReturn, command)
  expect(await refusalsOf(shop, command.eventId)).toMatchObject([{ code: 'sale-unknown' }])
})

test('an event that comes again after it was obeyed is neither obeyed nor refused', async () => {
  const { partnerId, orderId } = await soldIn('paid')
  const command = giveBack(partnerId, orderId)
  for (let time = 0; time < 3; time++) await shop.deliver(partnerReturn, command)
  expect(await answersTo(command.eventId)).toHaveLength(1)
  expect(await refusalsOf(shop, command.eventId)).toEqual([])
})

test('an event that was refused is refused again in the same words', async () => {
  const { partnerId, orderId } = await sell(shop)
  const stolen = giveBack(newId(), orderId)
  await shop.deliver(partnerReturn, stolen)
  await shop.deliver(partnerReturn, giveBack(partnerId, orderId))
  await shop.deliver(partnerReturn, stolen)
  const [first, second, ...more] = await refusalsOf(shop, stolen.eventId)
  expect(first).toMatchObject({ code: 'sale-unknown' })
  expect(second).toEqual(first)
  expect(more).toEqual([])
})

test('of two returns of one sale one is obeyed, also when they come together', async () => {
  const { partnerId, orderId } = await soldIn('paid')
  const commands = [giveBack(partnerId, orderId), giveBack(partnerId, orderId)]
  await Promise.all(commands.map(command => shop.deliver(partnerReturn, command)))
  const answers = await Promise.all(commands.map(({ eventId }) => answersTo(eventId)))
  const refusals = await Promise.all(commands.map(({ eventId }) => refusalsOf(shop, eventId)))
  expect(answers.flat()).toHaveLength(1)
  expect(refusals.flat()).toMatchObject([{ code: 'invalid-transition' }])
})

test('ids in capitals are the same', async () => {
  const { partnerId, orderId } = await sell(shop)
  const command = giveBack(partnerId.toUpperCase(), orderId.toUpperCase())
  await shop.deliver(partnerReturn, { ...command, eventId: command.eventId.toUpperCase() })
  expect(await answersTo(command.eventId)).toHaveLength(1)
})

test('what a partner gave as its reason goes with the partner', async () => {
  const { partnerId, orderId } = await soldIn('paid')
  await shop.deliver(partnerReturn, { ...giveBack(partnerId, orderId), reason: `call ${partnerId} at home` })
  await shop.deliver(userDeleted, { userId: partnerId, version: 2, deletedAt: new Date().toISOString() })
  expect((await shop.history(orderId)).at(-1)).toMatchObject({ status: 'refunded', reason: null })
  const refunded = (await shop.published(orderRefunded)).find(event => event.orderId === orderId)
  expect(refunded).toMatchObject({ customer: null, reason: null })
})
