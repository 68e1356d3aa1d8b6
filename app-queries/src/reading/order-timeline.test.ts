import { encodeCursor, newId } from '@feira/chassis'
import { invoiceIssued } from '@feira/contracts/invoices'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory, tell } from '../testing/stories.ts'
import { readOrderTimeline, timelineEntry } from './order-timeline.ts'
import { orderVisibleTo } from './visibility.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const read = (orderId: string, limit = 100, cursor?: string) =>
  readOrderTimeline(model.resources.db, orderId, { limit, cursor })

const admin = { id: newId(), roles: ['admin'], claims: {} }
const visible = (id: string, orderId: string, roles = ['user']) =>
  orderVisibleTo(model.resources.query, { id, roles, claims: {} }, orderId)

test('tells what happened to an order in the order in which it was heard', async () => {
  const { orderId, messages } = await model.story()
  await model.story()
  const { items, nextCursor } = await read(orderId)
  const aboutIt = messages.filter(({ message }) => /^(?:order|invoice|notification)\./.test(message.type))
  expect(items.map(({ type, messageId }) => [type, messageId])).toEqual(
    aboutIt.map(({ message, id }) => [message.type, id]),
  )
  expect(items[5]).toMatchObject({ orderId, service: 'invoices', version: 1, note: '2026-000042' })
  for (const item of items) expect(timelineEntry.parse(item)).toEqual(item)
  expect(nextCursor).toBeNull()
})

test('goes on where the page before ended', async () => {
  const { orderId } = await model.story()
  const positions: number[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await read(orderId, 3, cursor)
    positions.push(...page.items.map(({ position }) => position))
    cursor = page.nextCursor
  }
  expect(positions).toEqual((await read(orderId)).items.map(({ position }) => position))
  expect(positions).toHaveLength(8)
})

test('lag is the time from a message to its entry, and never less than nothing', async () => {
  const { orderId } = await model.story()
  await model.sql(
    `update timeline set published_at = projected_at - interval '1 ms' * case when version = 1 then 40 else -5 end
     where order_id = $1`,
    orderId,
  )
  const { items } = await read(orderId)
  expect(new Set(items.map(({ version, lagMs }) => `${version}: ${lagMs}`))).toEqual(
    new Set(['1: 40', '2: 0', '3: 0', '4: 0', '5: 0']),
  )
})

test('a forged cursor is refused', async () => {
  await expect(read(newId(), 3, encodeCursor(['x']))).rejects.toMatchObject({
    status: 400,
    fields: [{ field: 'cursor' }],
  })
})

test('an order can be seen by whose it is and by admins', async () => {
  const { orderId, userId } = await model.story()
  expect(await visible(userId, orderId)).toBe(true)
  expect(await visible(admin.id, orderId, admin.roles)).toBe(true)
  expect(await visible(newId(), orderId)).toBe(false)
})

test('what only its invoice has told of can be seen by the same', async () => {
  const { orderId, userId } = orderStory()
  await model.told(tell(invoiceIssued, { ...invoiceIssued.example, invoiceId: newId(), orderId, userId }))
  expect(await visible(userId, orderId)).toBe(true)
  expect(await visible(newId(), orderId)).toBe(false)
})

test('what nobody has told of can be seen by nobody', async () => {
  expect(await visible(newId(), newId())).toBe(false)
  expect(await visible(admin.id, newId(), admin.roles)).toBe(false)
})
