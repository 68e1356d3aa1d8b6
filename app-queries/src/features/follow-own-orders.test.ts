import { asAdmin, asUser, waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type EventClient } from '../testing/event-client.ts'
import { openModel, type OpenModel } from '../testing/model.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const follow = (headers: Record<string, string>, query = '') => connect(`${model.url}/q/timeline${query}`, headers)
const ordersOf = ({ events }: EventClient) => new Set(events.map(({ data }) => data['orderId']))

test('a user follows their own orders, an admin everybody’s or one user’s, each from now on', async () => {
  const before = await model.story()
  const { userId } = before
  const clients = await Promise.all([
    follow(asUser(userId)),
    follow(asUser(userId), `?userId=${userId}`),
    follow(asAdmin(), `?userId=${userId}`),
    follow(asAdmin()),
  ])
  const others = await model.story()
  const own = await model.story({ userId })
  const everything = clients.pop() as EventClient
  await everything.types(16)
  expect(ordersOf(everything)).toEqual(new Set([others.orderId, own.orderId]))
  for (const client of clients) {
    expect(await client.types(8)).toHaveLength(8)
    expect(ordersOf(client)).toEqual(new Set([own.orderId]))
  }
})

test('who loses the connection before anything has happened misses nothing', async () => {
  const { userId } = await model.story()
  const client = await follow(asUser(userId))
  await waitUntil('the place is known', () => client.text.includes('id: '))
  await client.leave()
  await model.story({ userId })
  const id = /^id: (\d+)$/m.exec(client.text)?.[1] ?? ''
  const back = await follow({ ...asUser(userId), 'last-event-id': id })
  expect(await back.types(8)).toHaveLength(8)
})

test('from the beginning, by the id 0', async () => {
  const { userId, orderId } = await model.story()
  const client = await follow({ ...asUser(userId), 'last-event-id': '0' })
  expect(await client.types(8)).toHaveLength(8)
  expect(ordersOf(client)).toEqual(new Set([orderId]))
})

test('a user does not follow somebody else', async () => {
  const { userId } = await model.story()
  const answer = await model.http.inject({ url: `/q/timeline?userId=${userId}`, headers: asUser() })
  expect(answer.statusCode).toBe(403)
  expect(answer.json()).toMatchObject({ code: 'role-missing', errors: [{ in: 'query', field: 'userId' }] })
})
