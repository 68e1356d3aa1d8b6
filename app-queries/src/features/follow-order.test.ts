import { newId, startService, type RunningService } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { connect } from '../testing/event-client.ts'
import { openModel, type OpenModel } from '../testing/model.ts'
import { orderStory } from '../testing/stories.ts'

let model: OpenModel
let other: RunningService
/** An order that is completed. */
let knownId: string

beforeAll(async () => {
  model = await openModel()
  other = await startService(service, model.env)
  knownId = (await model.story()).orderId
})
afterAll(async () => {
  await other.stop()
  await model[Symbol.asyncDispose]()
})

const pathOf = (orderId: string) => `/q/orders/${orderId}/timeline`
const ask = (orderId: string, headers: Record<string, string>) => model.http.inject({ url: pathOf(orderId), headers })
const stream = { accept: 'text/event-stream' }

/** The messages of a story that its timeline tells of. */
function aboutOrder(story = orderStory()) {
  const messages = story.messages.filter(({ message }) => /^(order|invoice|notification)\./.test(message.type))
  return { ...story, messages, types: messages.map(({ message }) => message.type) }
}

test('who connects first and orders second sees each step', async () => {
  const { orderId, userId, messages, types } = aboutOrder()
  const connecting = connect(other.url + pathOf(orderId), asUser(userId))
  await model.told(...messages)
  const client = await connecting
  expect(await client.types(types.length)).toEqual(types)
  expect(types).toHaveLength(8)
})

test('each step is seen when it happens, wherever it is projected', async () => {
  const { orderId, userId, messages } = aboutOrder()
  const connecting = connect(other.url + pathOf(orderId), asUser(userId))
  const startedAt = performance.now()
  for (const [index, message] of messages.entries()) {
    await model.told(message)
    await (await connecting).types(index + 1)
  }
  // Without notices, each step would wait for the next look, a second after the one before.
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})

test('first comes what has happened, then what happens, and each event says what the timeline says', async () => {
  const { orderId, userId, messages, types } = aboutOrder()
  await model.told(...messages.slice(0, 3))
  const client = await connect(model.url + pathOf(orderId), asUser(userId))
  expect(await client.types(3)).toEqual(types.slice(0, 3))
  await model.told(...messages.slice(3))
  await client.types(8)
  const { items } = (await ask(orderId, asUser(userId))).json<{ items: { position: number }[] }>()
  expect(client.events.map(({ id, data }) => ({ position: Number(id), ...data }))).toEqual(items)
})

test('who comes back gets the rest, from whichever replica', async () => {
  const { orderId, userId, messages, types } = aboutOrder()
  await model.told(...messages.slice(0, 4))
  const before = await connect(model.url + pathOf(orderId), asUser(userId))
  await before.types(4)
  await before.leave()
  await model.told(...messages.slice(4, 6))
  const headers = { ...asUser(userId), 'last-event-id': before.events.at(-1)?.id ?? '' }
  const after = await connect(other.url + pathOf(orderId), headers)
  await model.told(...messages.slice(6))
  expect(await after.types(4)).toEqual(types.slice(4))
})

test('who breaks off again and again, hopping between replicas, gets everything once and in order', async () => {
  const stories = Array.from({ length: 6 }, () => aboutOrder())
  const messages = stories.flatMap(story => story.messages)
  const { rows } = await model.resources.query<{ position: string }>({
    text: 'select coalesce(max(position), 0) as position from timeline',
  })
  const telling = Promise.all(stories.map(story => model.told(...story.messages)))
  const ids: number[] = []
  const told = new Set<unknown>()
  let last = rows[0]?.position ?? '0'
  for (let hop = 0; told.size < messages.length; hop++) {
    const { url } = hop % 2 === 0 ? model : other
    const client = await connect(`${url}/q/timeline`, { ...asAdmin(), 'last-event-id': last })
    await client.types(Math.min(5, messages.length - told.size))
    await client.leave()
    ids.push(...client.events.map(({ id }) => Number(id)))
    client.events.forEach(({ data }) => told.add(data['messageId']))
    last = String(ids.at(-1))
  }
  await telling
  expect(told).toEqual(new Set(messages.map(({ id }) => id)))
  expect(ids).toHaveLength(messages.length)
  expect(ids).toEqual(ids.toSorted((one, next) => one - next))
})

describe('of an order', () => {
  test('that is somebody else’s there is no timeline, in no form', async () => {
    for (const headers of [asUser(), { ...asUser(), ...stream }]) {
      const answer = await ask(knownId, headers)
      expect(answer.statusCode).toBe(404)
      expect(answer.headers['content-type']).toContain('application/problem+json')
      expect(answer.json()).toMatchObject({ code: 'order-not-found' })
    }
  })

  test('that nobody has heard of there is none either, after a moment', async () => {
    const startedAt = performance.now()
    const answer = await ask(newId(), { ...asAdmin(), ...stream })
    expect(answer.json()).toMatchObject({ status: 404, code: 'order-not-found' })
    expect(performance.now() - startedAt).toBeGreaterThan(1_900)
  })
})

test.each([
  ['application/json', 'application/json; charset=utf-8'],
  ['*/*', 'application/json; charset=utf-8'],
  ['text/html, text/event-streams', 'application/json; charset=utf-8'],
  ['text/event-stream;q=0, */*', 'application/json; charset=utf-8'],
  ['text/event-stream; q=0.5, application/json', 'application/json; charset=utf-8'],
])('Accept: %s is answered with %s', async (accept, type) => {
  const answer = await ask(knownId, { ...asAdmin(), accept })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers).toMatchObject({ 'content-type': type, vary: 'accept' })
})

test.each([
  'text/event-stream, application/json',
  'application/json;q=0.4, Text/Event-Stream ; q=0.5',
  '*/*, text/event-stream',
])('Accept: %s is answered with a stream', async accept => {
  const { response } = await connect(model.url + pathOf(knownId), { ...asAdmin(), accept })
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
})

test.each(['x', '-1', '1.5', '', '1'.repeat(16), '999999999999999'])('Last-Event-ID: %s is refused', async id => {
  const answer = await ask(knownId, { ...asAdmin(), ...stream, 'last-event-id': id })
  expect(answer.json()).toMatchObject({
    status: 400,
    code: 'invalid-request',
    errors: [{ in: 'header', field: 'last-event-id' }],
  })
})

test('both forms are documented, and HEAD is refused', async () => {
  const { paths } = (await model.http.inject('/docs/json')).json()
  const { content } = paths['/q/orders/{id}/timeline'].get.responses['200']
  expect(Object.keys(content)).toEqual(['application/json', 'text/event-stream'])
  expect(Object.keys(paths['/q/timeline'].get.responses['200'].content)).toEqual(['text/event-stream'])
  const head = await model.http.inject({ method: 'HEAD', url: '/q/timeline', headers: asAdmin() })
  expect(head.statusCode).toBe(405)
})
