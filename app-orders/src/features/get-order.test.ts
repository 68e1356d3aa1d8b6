import { newId } from '@feira/chassis'
import { asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService
let url: string
let placed: string

beforeAll(async () => {
  orders = await startTestService(service)
  const answer = await place(29.99)
  url = answer.headers.location as string
  placed = answer.body
})
afterAll(() => orders[Symbol.asyncDispose]())

const place = (amount: number) =>
  orders.http.inject({ method: 'POST', url: '/orders', headers: asUser(), payload: { amount } })
const get = (url: string, headers: Record<string, string> = {}) =>
  orders.http.inject({ url, headers: { ...asUser(), ...headers } })

test('an order can be read, with its version as ETag', async () => {
  const answer = await get(url)
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(answer.headers.etag).toBe('"1"')
  expect(answer.body).toBe(placed)
})

test('a slash at the end and an id in capitals lead to the same', async () => {
  expect((await get(`${url}/`)).body).toBe(placed)
  expect((await get(url.replace(/[^/]+$/, id => id.toUpperCase()))).body).toBe(placed)
})

test('HEAD tells the same without a body', async () => {
  const answer = await orders.http.inject({ method: 'HEAD', url, headers: asUser() })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers).toMatchObject({ etag: '"1"', 'content-length': String(Buffer.byteLength(placed)) })
  expect(answer.body).toBe('')
})

describe('If-None-Match', () => {
  test.each(['"1"', 'W/"1"', '"0", "1"', '*'])('%s: nothing new', async header => {
    const answer = await get(url, { 'if-none-match': header })
    expect(answer.statusCode).toBe(304)
    expect(answer.headers.etag).toBe('"1"')
    expect(answer.body).toBe('')
  })

  test.each(['"2"', '1', 'abc', ''])('%s: the order', async header => {
    const answer = await get(url, { 'if-none-match': header })
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toBe(placed)
  })

  test('with the tag of an older version: the order and its new tag', async () => {
    const other = await place(1)
    await orders.resources.query({ text: 'update orders set version = 2 where id = $1', values: [other.json().id] })
    const answer = await get(other.headers.location as string, { 'if-none-match': '"1"' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers.etag).toBe('"2"')
  })
})

test('an unknown id is answered with 404', async () => {
  const id = newId()
  const answer = await get(`/orders/${id}`)
  expect(answer.statusCode).toBe(404)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.json()).toMatchObject({ status: 404, code: 'order-not-found', detail: `There is no order ${id}.` })
})

test.each(['42', 'null', '%27', 'a%20b', `${newId()}0`, 'x'.repeat(256), `${newId()}%00`])(
  'the malformed id %s is answered with 400',
  async id => {
    const answer = await get(`/orders/${id}`)
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
  },
)

test.each([
  ['%ff', 400, 'malformed-url'],
  ['x'.repeat(257), 414, 'url-too-long'],
])('an id that is no part of a URL: %s', async (id, status, code) => {
  const answer = await get(`/orders/${id}`)
  expect(answer.statusCode, answer.body).toBe(status)
  expect(answer.json()).toMatchObject({ code })
})

test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('%s is no method of an order', async method => {
  const answer = await orders.http.inject({ method, url, headers: asUser() })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD'])
  expect((await get(url)).body).toBe(placed)
})
