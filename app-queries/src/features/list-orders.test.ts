import { encodeCursor, firstIdAt, newId } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { orderCreated, orderPaid } from '@feira/contracts/orders'
import { userCreated, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderSummary } from '../reading/order-view.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { tell } from '../testing/stories.ts'

let model: OpenModel

const [ana, bia] = [newId(), newId()]
/** One order a day; Ana's are the 1st, 2nd and 4th. */
const orders = [ana, ana, bia, ana, bia].map((userId, index) => {
  const createdAt = new Date(Date.UTC(2026, 9, index + 1, 12))
  const orderId = firstIdAt(createdAt).slice(0, -12) + newId().slice(-12)
  return { ...orderCreated.example, orderId, userId, createdAt: createdAt.toISOString() }
})

beforeAll(async () => {
  model = await openModel()
  await model.told(
    tell(userCreated, { ...userCreated.example, userId: ana, name: 'Ana Lima' }),
    ...orders.map(order => tell(orderCreated, order)),
    ...orders.slice(0, 3).map(order => tell(orderPaid, { ...order, version: 2, paidAt: '2026-10-09T12:00:00.000Z' })),
  )
})
afterAll(() => model[Symbol.asyncDispose]())

const get = (query: Record<string, string> = {}, headers: Record<string, string> = asAdmin()) =>
  model.http.inject({ url: '/q/orders', query, headers })

async function list(query: Record<string, string> = {}, headers?: Record<string, string>) {
  const answer = await get(query, headers)
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json<{ items: OrderSummary[]; nextCursor: string | null }>()
}

/** Which orders are listed, as numbers from 1. */
async function listed(query?: Record<string, string>, headers?: Record<string, string>): Promise<number[]> {
  const { items } = await list(query, headers)
  return items.map(({ id }) => orders.findIndex(({ orderId }) => orderId === id) + 1)
}

test('shows an order with whose it is and what was ordered', async () => {
  const [item] = (await list({ userId: ana, to: '2026-10-02T00:00:00Z' })).items
  expect(item).toMatchObject({
    id: orders[0]?.orderId,
    userId: ana,
    user: { id: ana, name: 'Ana Lima' },
    status: 'paid',
    items: [{ name: 'Café 250 g', quantity: 1, unitPrice: 29.99, lineTotalCents: 2999 }],
    amount: 29.99,
    totalCents: 2999,
    currency: 'BRL',
    version: 2,
    createdAt: '2026-10-01T12:00:00.000Z',
    updatedAt: '2026-10-09T12:00:00.000Z',
  })
})

describe('an admin sees, newest first,', () => {
  test.each<[string, Record<string, string>, number[]]>([
    ['all orders', {}, [5, 4, 3, 2, 1]],
    ['those of a user', { user_id: ana }, [4, 2, 1]],
    ['those of a user by the other name', { userId: bia.toUpperCase() }, [5, 3]],
    ['those of nobody', { user_id: newId() }, []],
    ['those in a state', { status: 'paid' }, [3, 2, 1]],
    ['those in a state in any case', { status: 'PENDING' }, [5, 4]],
    ['those in a state that none is in', { status: 'refunded' }, []],
    ['those of a user in a state', { user_id: ana, status: 'Paid' }, [2, 1]],
    ['those from a time on', { from: '2026-10-03T12:00:00Z' }, [5, 4, 3]],
    ['those before a time', { to: '2026-10-03T12:00:00Z' }, [2, 1]],
    [
      'those between times of another zone',
      { from: '2026-10-02T09:00:00-03:00', to: '2026-10-04T09:00:00-03:00' },
      [3, 2],
    ],
  ])('%s', async (_what, query, expected) => {
    expect(await listed(query)).toEqual(expected)
  })
})

test('a user sees their own, and is told that others are not theirs to ask for', async () => {
  for (const query of [{}, { user_id: ana }, { userId: ana }])
    expect(await listed(query, asUser(ana))).toEqual([4, 2, 1])
  expect(await listed({}, asUser(bia))).toEqual([5, 3])
  for (const field of ['user_id', 'userId']) {
    const answer = await get({ [field]: ana }, asUser(bia))
    expect(answer.statusCode).toBe(403)
    expect(answer.json()).toMatchObject({ code: 'role-missing', errors: [{ in: 'query', field }] })
  }
})

test('goes on where the page before ended', async () => {
  const met: string[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list({ limit: '2', ...(cursor === undefined ? {} : { cursor }) })
    met.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
  }
  expect(met).toEqual(orders.map(({ orderId }) => orderId).toReversed())
})

test('is kept for each reader apart, until an order or a user changes', async () => {
  const state = async (headers?: Record<string, string>) => (await get({ limit: '3' }, headers)).headers['x-cache']
  expect([await state(), await state(), await state(asUser(bia))]).toEqual(['MISS', 'HIT', 'MISS'])
  const [first] = orders
  if (first) await model.told(tell(orderPaid, { ...first, version: 2, paidAt: '2026-10-09T12:00:00.000Z' }))
  expect(await state()).toBe('MISS')
  await model.told(tell(userUpdated, { ...userUpdated.example, userId: ana, version: 2, name: 'Ana Souza' }))
  expect(await state()).toBe('MISS')
  expect((await list({ limit: '2' })).items[1]?.user?.name).toBe('Ana Souza')
})

test.each<[string, Record<string, string>, string]>([
  ['an unknown state', { status: 'lost' }, 'status'],
  ['an empty state', { status: '' }, 'status'],
  ['a malformed user', { user_id: '42' }, 'user_id'],
  ['a malformed user by the other name', { userId: '42' }, 'userId'],
  ['a user by both names', { user_id: ana, userId: bia }, 'user_id'],
  ['a malformed time', { from: 'yesterday' }, 'from'],
  ['another malformed time', { to: '2026-13-01T00:00:00Z' }, 'to'],
  ['a limit of 0', { limit: '0' }, 'limit'],
  ['an unknown filter', { colour: 'red' }, 'colour'],
  ['a forged cursor', { cursor: encodeCursor(["'; drop table orders --"]) }, 'cursor'],
])('%s is refused', async (_what, query, field) => {
  const answer = await get(query)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
})
