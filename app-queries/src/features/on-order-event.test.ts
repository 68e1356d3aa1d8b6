import { newId } from '@feira/chassis'
import { orderCancelled } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory, tell } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

test('an order is what its newest event shows', async () => {
  const { orderId, userId, productId } = await model.story()
  const [row] = await model.sql('select * from model.orders where id = $1', orderId)
  expect(row).toEqual({
    id: orderId,
    version: 5,
    user_id: userId,
    customer_name: 'Ana Souza',
    customer_email: 'ana@example.com',
    status: 'completed',
    items: [{ productId, name: 'Café 250 g', quantity: 1, unitPriceCents: 2999 }],
    total_cents: '2999',
    currency: 'BRL',
    created_at: new Date('2026-11-21T12:00:00.000Z'),
    changed_at: new Date('2026-11-21T12:04:00.000Z'),
  })
})

test('its timeline tells of each message once, in the order in which they came, with its trace and its lag', async () => {
  const story = orderStory()
  await model.told(...story.messages)
  const [first] = story.messages.filter(({ message }) => message.type === 'order.created')
  if (first) await model.deliver(first.message, first.data, { messageId: first.id })
  const rows = await model.sql<{ position: string; type: string; published_at: Date; projected_at: Date }>(
    'select * from timeline where order_id = $1 order by position',
    story.orderId,
  )
  expect(rows.map(({ type }) => type)).toEqual([
    'order.created',
    'order.reserved',
    'order.paid',
    'order.shipped',
    'order.completed',
    'invoice.issued',
    'invoice.paid',
    'notification.sent',
  ])
  expect(rows[0]).toMatchObject({
    message_id: first?.id,
    user_id: story.userId,
    service: 'orders',
    version: 1,
    note: null,
    trace_id: expect.stringMatching(/^[\da-f]{32}$/),
  })
  expect(rows[5]).toMatchObject({ service: 'invoices', note: '2026-000042' })
  expect(rows[7]).toMatchObject({ service: 'notifications', note: 'email order-created' })
  for (const row of rows) expect(row.projected_at.getTime()).toBeGreaterThanOrEqual(row.published_at.getTime())
})

test('what somebody typed is not in the timeline', async () => {
  const orderId = newId()
  await model.told(tell(orderCancelled, { ...orderCancelled.example, orderId, reason: 'Ana moved to Rua das Flores' }))
  const rows = await model.sql<{ note: string | null }>('select note from timeline where order_id = $1', orderId)
  expect(rows).toEqual([{ note: null }])
})
