import type { Received } from '@feira/chassis'
import { invoiceVoided } from '@feira/contracts/invoices'
import { notificationFailed } from '@feira/contracts/notifications'
import { orderRefunded } from '@feira/contracts/orders'
import { productCreated, productDeleted, productUpdated, stockChanged } from '@feira/contracts/products'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { service } from '../service.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { minute, orderStory, tell, type Story, type Told } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const tables = ['invoices', 'notifications', 'orders', 'products', 'stocks', 'users'].map(name => `model.${name}`)
const empty = () => model.sql(`truncate timeline, ${tables.join(', ')}`)

/** Hands messages to the consumers that take them, in one transaction each, without the inbox that would sort repetitions out. */
async function hand(batch: readonly Told[]): Promise<void> {
  for (const consumer of service.consumers) {
    if (consumer.kind !== 'batch') continue
    const own = batch.filter(({ message }) => consumer.messages.includes(message)).map(toReceived)
    if (own.length > 0)
      await model.resources.transact(tx => consumer.handle(own as never, tx, model.resources as never))
  }
}

function toReceived({ message, data, id }: Told): Received {
  const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: false }
  const read = message.schema.parse(data)
  return {
    id,
    type: message.type,
    data: read,
    correlationId: undefined,
    causedBy: undefined,
    publishedAt: undefined,
    trace,
  }
}

/** All that can befall an order and what belongs to it. */
function longStory({ orderId, userId, productId, invoiceId, notificationId, items, messages }: Story): Told[] {
  const about = { orderId, userId }
  return [
    ...messages,
    tell(orderRefunded, { ...orderRefunded.example, ...about, items: [...items], version: 6, refundedAt: minute(6) }),
    tell(invoiceVoided, { ...invoiceVoided.example, ...about, invoiceId, version: 3, paidAt: minute(2) }),
    tell(notificationFailed, { ...notificationFailed.example, ...about, notificationId, version: 3 }),
    tell(stockChanged, { productId, version: 2, available: 10, reserved: 0 }),
    tell(productUpdated, { ...productUpdated.example, productId }),
    tell(productDeleted, { ...productDeleted.example, productId }),
    tell(userUpdated, { ...userUpdated.example, userId }),
    tell(userDeleted, { ...userDeleted.example, userId }),
  ]
}

async function outcome(): Promise<object> {
  const told = await model.sql('select message_id from timeline order by message_id')
  return { ...(await model.contents()), told }
}

test('a story told in any order, in any batches and with repetitions ends the same', async () => {
  const story = longStory(orderStory())
  await empty()
  await hand(story)
  const expected = await outcome()
  expect(expected).toMatchObject({
    orders: [{ version: 6, status: 'refunded' }],
    invoices: [{ version: 3, status: 'void', paid_at: expect.any(String) }],
    notifications: [{ version: 3, status: 'failed' }],
    products: [{ version: 3, name: null, deleted_at: expect.any(String) }],
    stocks: [{ version: 2, available: 10 }],
    users: [{ version: 3, name: null, deleted_at: expect.any(String) }],
  })
  const retold = fc
    .array(fc.constantFrom(...story), { maxLength: 12 })
    .chain(again => fc.shuffledSubarray([...story, ...again], { minLength: story.length + again.length }))
  await fc.assert(
    fc.asyncProperty(retold, fc.integer({ min: 1, max: 9 }), async (messages, size) => {
      await empty()
      for (let start = 0; start < messages.length; start += size) await hand(messages.slice(start, start + size))
      expect(await outcome()).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})

test('of two messages with the same version the first one counts, and no repetition brings back what was deleted', async () => {
  const { userId, productId } = orderStory()
  const user = { ...userCreated.example, userId }
  await empty()
  await hand([tell(userUpdated, { ...user, version: 2, name: 'Ana Lima' })])
  await hand([tell(userUpdated, { ...user, version: 2, name: 'Ana Reis' })])
  expect((await model.contents())['users']).toMatchObject([{ version: 2, name: 'Ana Lima' }])
  await hand([tell(productDeleted, { ...productDeleted.example, productId, version: 2 })])
  for (const version of [1, 2]) await hand([tell(productCreated, { ...productCreated.example, productId, version })])
  expect((await model.contents())['products']).toMatchObject([
    { version: 2, name: null, deleted_at: expect.any(String) },
  ])
})

test('a batch of many orders, each told several times, leaves each as its newest event shows it', async () => {
  await empty()
  const stories = Array.from({ length: 60 }, () => orderStory())
  await hand(stories.flatMap(({ messages }) => messages.toReversed()))
  const { orders, invoices, users } = await model.contents()
  expect(orders).toMatchObject(stories.map(() => ({ version: 5, status: 'completed' })))
  expect([invoices?.length, users?.length]).toEqual([60, 60])
  const [told] = await model.sql<{ count: number }>('select count(*)::int as count from timeline')
  expect(told?.count).toBe(60 * 8)
})
