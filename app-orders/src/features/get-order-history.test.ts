import { newId } from '@feira/chassis'
import { asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
afterAll(() => orders[Symbol.asyncDispose]())

async function place(): Promise<{ id: string; createdAt: string }> {
  const answer = await orders.http.inject({
    method: 'POST',
    url: '/orders',
    headers: asUser(),
    payload: { amount: 29.99 },
  })
  return answer.json()
}

const get = (url: string) => orders.http.inject({ url, headers: asUser() })

test('begins with the placing of the order', async () => {
  const { id, createdAt } = await place()
  const answer = await get(`/orders/${id}/history`)
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual({ items: [{ version: 1, status: 'reserved', reason: null, at: createdAt }] })
})

test('tells every version in its order, and nothing of other orders', async () => {
  const [{ id, createdAt }] = await Promise.all([place(), place()])
  await orders.resources.query({
    text: `insert into order_history (order_id, version, status, reason, at)
           values ($1, 3, 'cancelled', 'changed their mind', '2026-11-21T12:00:02.002Z'),
                  ($1, 2, 'paid', null, '2026-11-21T12:00:01.001Z')`,
    values: [id],
  })
  const answer = await get(`/orders/${id}/history/`)
  expect(answer.json()).toEqual({
    items: [
      { version: 1, status: 'reserved', reason: null, at: createdAt },
      { version: 2, status: 'paid', reason: null, at: '2026-11-21T12:00:01.001Z' },
      { version: 3, status: 'cancelled', reason: 'changed their mind', at: '2026-11-21T12:00:02.002Z' },
    ],
  })
})

test('HEAD tells its length', async () => {
  const { id } = await place()
  const { body } = await get(`/orders/${id}/history`)
  const answer = await orders.http.inject({ method: 'HEAD', url: `/orders/${id}/history`, headers: asUser() })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(body)))
  expect(answer.body).toBe('')
})

test('an unknown order has none', async () => {
  const id = newId()
  const answer = await get(`/orders/${id}/history`)
  expect(answer.statusCode).toBe(404)
  expect(answer.json()).toMatchObject({ code: 'order-not-found', detail: `There is no order ${id}.` })
})

test('a malformed id is refused', async () => {
  const answer = await get('/orders/42/history')
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
})

test.each(['POST', 'PUT', 'DELETE'] as const)('%s cannot change it', async method => {
  const { id } = await place()
  const answer = await orders.http.inject({ method, url: `/orders/${id}/history`, headers: asUser() })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD'])
})
