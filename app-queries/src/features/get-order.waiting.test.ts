import { newId } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
afterAll(() => model[Symbol.asyncDispose]())

const get = (id: string, minVersion: number | string, headers = asAdmin()) =>
  model.http.inject({ url: `/q/orders/${id}`, query: { minVersion: String(minVersion) }, headers })

async function timed<Result>(work: Promise<Result>): Promise<[Result, number]> {
  const start = performance.now()
  return [await work, performance.now() - start]
}

test.each([1, 5])('an order at version 5 is answered at once to who wants at least %i', async version => {
  const { orderId, userId } = await model.story()
  for (const headers of [asAdmin(), asUser(userId)]) {
    const [answer, took] = await timed(get(orderId, version, headers))
    expect(answer.json()).toMatchObject({ id: orderId, version: 5 })
    expect(took).toBeLessThan(1_500)
  }
})

test('who asks before an order is known gets it when it comes', async () => {
  const story = orderStory()
  const asked = get(story.orderId, 1, asUser(story.userId))
  await model.told(...story.messages.filter(({ message }) => message.type === 'order.created'))
  const answer = await asked
  expect(answer.statusCode, answer.body).toBe(200)
  expect(answer.json()).toMatchObject({ status: 'pending', version: 1 })
})

test('who asks for a later version gets it when it comes, however old the cached one is', async () => {
  const { orderId, messages } = orderStory()
  const [created, reserved] = messages.filter(({ message }) => message.type.startsWith('order.'))
  if (!created || !reserved) throw new Error('the story has changed')
  await model.told(created)
  await get(orderId, 1)
  const asked = [get(orderId, 2), get(orderId, 2)]
  await model.told(reserved)
  for (const answer of await Promise.all(asked)) expect(answer.json()).toMatchObject({ version: 2 })
})

test('a cached answer that nobody evicted is passed over when the database knows better', async () => {
  const { orderId } = await model.story()
  await get(orderId, 5)
  await model.sql(`update model.orders set version = 6, status = 'refunded' where id = $1`, orderId)
  const answer = await get(orderId, 6)
  expect(answer.headers['x-cache']).toBe('MISS')
  expect(answer.json()).toMatchObject({ version: 6, status: 'refunded' })
})

describe('after 2 s in vain the answer is 409, with the time to wait until the next attempt', () => {
  test.each([
    ['a version that has not come', async () => (await model.story()).orderId],
    ['an order that is not known', async () => newId()],
  ])('%s', async (_what, prepare) => {
    const [answer, took] = await timed(get(await prepare(), 6))
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'version-not-reached' })
    expect(answer.headers['retry-after']).toBe('1')
    expect(took).toBeGreaterThan(1_900)
    expect(took).toBeLessThan(4_000)
  })
})

test("of another's order nothing is told that is not told of one that nobody knows", async () => {
  const [story, coming] = [await model.story(), orderStory()]
  const asked = [get(story.orderId, 1, asUser()), get(coming.orderId, 1, asUser()), get(newId(), 1, asUser())]
  const took = asked.map(async answer => (await timed(answer))[1])
  await model.told(...coming.messages.filter(({ message }) => message.type === 'order.created'))
  for (const answer of await Promise.all(asked)) expect(answer.json()).toMatchObject({ code: 'version-not-reached' })
  for (const duration of await Promise.all(took)) expect(duration).toBeGreaterThan(1_900)
})

test('of 600 who wait 500 may, and the others are told at once to come back', async () => {
  const [id, headers] = [newId(), asAdmin()]
  const answers = await Promise.all(Array.from({ length: 600 }, () => get(id, 1, headers)))
  const statuses = answers.map(({ statusCode }) => statusCode)
  expect(statuses.filter(status => status === 409)).toHaveLength(500)
  const refused = answers.filter(({ statusCode }) => statusCode === 503)
  expect(refused).toHaveLength(100)
  for (const { headers } of refused) expect(headers['retry-after']).toBe('1')
})

test.each(['0', '-1', '1.5', 'x', '', '9999999999'])('the version %j is refused', async version => {
  const answer = await get(newId(), version)
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({
    code: 'invalid-request',
    errors: [{ in: 'query', field: 'minVersion', message: 'must be a whole number from 1' }],
  })
})
