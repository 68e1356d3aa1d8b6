import { newId } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { invoiceIssued } from '@feira/contracts/invoices'
import { notificationSent } from '@feira/contracts/notifications'
import { orderCancelled } from '@feira/contracts/orders'
import { productDeleted, productUpdated, stockChanged } from '@feira/contracts/products'
import { userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WholeOrder } from '../reading/whole-order.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory, tell, type Story } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const get = (id: string, headers: Record<string, string> = asAdmin()) =>
  model.http.inject({ url: `/q/orders/${id}`, headers })

async function read(id: string): Promise<WholeOrder> {
  const answer = await get(id)
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

test('shows an order with all that belongs to it', async () => {
  const story = await model.story()
  const answer = await get(story.orderId, asUser(story.userId))
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual(toldBy(story))
})

test('shows the same whichever message came first', async () => {
  const story = orderStory()
  await model.told(...story.messages.toReversed())
  expect(await read(story.orderId)).toEqual(toldBy(story))
})

test('shows what is known while the rest has not come', async () => {
  const story = orderStory()
  await model.told(...story.messages.filter(({ message }) => message.type === 'order.created'))
  expect(await read(story.orderId)).toMatchObject({
    status: 'pending',
    version: 1,
    // Who it was when it was ordered, and what it was called then.
    user: { id: story.userId, name: 'Ana Souza', email: 'ana@example.com' },
    items: [{ productId: story.productId, name: 'Café 250 g' }],
    invoice: null,
    notifications: [],
  })
})

test('without its own message an order is not there, whatever belongs to it', async () => {
  const story = orderStory()
  await model.told(...story.messages.filter(({ message }) => !message.type.startsWith('order.')))
  expect((await get(story.orderId)).statusCode).toBe(404)
})

test('an order of nobody has no user', async () => {
  const story = orderStory()
  const [created] = story.messages.filter(({ message }) => message.type === 'order.created')
  await model.told(tell(orderCancelled, { ...orderCancelled.example, ...created?.data, userId: null, customer: null }))
  expect(await read(story.orderId)).toMatchObject({ userId: null, user: null })
})

describe('is evicted at once, under another tag, by', () => {
  test.each<[string, (story: Story) => ReturnType<typeof tell>, object]>([
    [
      'the order itself',
      ({ orderId, userId }) => tell(orderCancelled, { ...orderCancelled.example, orderId, userId, version: 6 }),
      { status: 'cancelled', version: 6 },
    ],
    [
      'its user',
      ({ userId }) => tell(userUpdated, { ...userUpdated.example, userId, version: 2, name: 'Ana Lima' }),
      { user: { name: 'Ana Lima' } },
    ],
    [
      'one of its products',
      ({ productId }) => tell(productUpdated, { ...productUpdated.example, productId, version: 2, name: 'Café novo' }),
      { items: [{ name: 'Café novo' }] },
    ],
    [
      'its invoice',
      ({ orderId, userId, invoiceId }) =>
        tell(invoiceIssued, {
          ...invoiceIssued.example,
          orderId,
          userId,
          invoiceId,
          version: 3,
          number: '2026-000777',
        }),
      { invoice: { number: '2026-000777' } },
    ],
    [
      'another notification',
      ({ orderId, userId }) =>
        tell(notificationSent, {
          ...notificationSent.example,
          notificationId: newId(),
          orderId,
          userId,
          channel: 'sms',
        }),
      { notifications: [{ channel: 'sms' }, { channel: 'email' }] },
    ],
    [
      'the erasure of its user',
      ({ userId }) => tell(userDeleted, { ...userDeleted.example, userId, version: 3 }),
      { user: null, notifications: [{ recipient: null }] },
    ],
  ])('%s', async (_what, change, expected) => {
    const story = await model.story()
    const before = [await get(story.orderId), await get(story.orderId)]
    expect(before.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT'])
    await model.told(change(story))
    const after = await get(story.orderId)
    expect(after.headers['x-cache']).toBe('MISS')
    expect(after.json()).toMatchObject(expected)
    expect(after.headers.etag).not.toBe(before[0]?.headers.etag)
  })
})

test('the deletion of a product leaves the name that it was ordered by', async () => {
  const story = await model.story()
  await model.told(tell(productDeleted, { ...productDeleted.example, productId: story.productId, version: 2 }))
  expect((await read(story.orderId)).items).toMatchObject([{ name: 'Café 250 g' }])
})

test('If-None-Match is answered with 304 as long as nothing changed', async () => {
  const { orderId } = await model.story()
  const { etag } = (await get(orderId)).headers
  const again = await get(orderId, { ...asAdmin(), 'if-none-match': String(etag) })
  expect(again.statusCode).toBe(304)
  expect(again.body).toBe('')
  expect((await get(orderId, { ...asAdmin(), 'if-none-match': '"other"' })).statusCode).toBe(200)
})

test("another's order is not there, from the cache or not, and is answered like an unknown one", async () => {
  const { orderId, userId } = await model.story()
  expect((await get(orderId, asUser())).statusCode).toBe(404)
  expect((await get(orderId, asUser(userId))).statusCode).toBe(200)
  const [foreign, unknown] = [await get(orderId, asUser()), await get(newId(), asUser())]
  expect(foreign.json()).toMatchObject({ code: 'order-not-found', detail: `There is no order ${orderId}.` })
  expect(Object.keys(foreign.headers)).toEqual(Object.keys(unknown.headers))
})

test('an id in capitals is the same order', async () => {
  const { orderId } = await model.story()
  expect(await read(orderId.toUpperCase())).toEqual(await read(orderId))
})

test.each(['42', '%27', `${newId()}0`])('the malformed id %s is answered with 400', async id => {
  const answer = await get(id)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
})

test('a change of its stock does not evict an order', async () => {
  const { orderId, productId } = await model.story()
  await get(orderId)
  await model.told(tell(stockChanged, { productId, version: 2, available: 8, reserved: 2 }))
  expect((await get(orderId)).headers['x-cache']).toBe('HIT')
})

/** What the story comes to. */
function toldBy({ orderId, userId, productId, invoiceId, notificationId }: Story): WholeOrder {
  const at = (minute: number) => `2026-11-21T12:0${minute}:00.000Z`
  const amounts = { amount: 29.99, totalCents: 2999, currency: 'BRL' }
  const line = { name: 'Café 250 g', quantity: 1, unitPrice: 29.99, unitPriceCents: 2999 }
  return {
    id: orderId,
    userId,
    user: { id: userId, name: 'Ana Souza', email: 'ana@example.com' },
    status: 'completed',
    items: [{ productId, ...line, lineTotal: 29.99, lineTotalCents: 2999 }],
    ...amounts,
    version: 5,
    createdAt: at(0),
    updatedAt: at(4),
    invoice: {
      id: invoiceId,
      number: '2026-000042',
      status: 'paid',
      ...amounts,
      version: 2,
      issuedAt: at(0),
      paidAt: at(2),
      voidedAt: null,
    },
    notifications: [
      {
        id: notificationId,
        channel: 'email',
        template: 'order-created',
        recipient: 'ana@example.com',
        status: 'sent',
        version: 2,
        at: at(1),
      },
    ],
  }
}
