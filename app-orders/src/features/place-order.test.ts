import { momentOf } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { userCreated } from '@feira/contracts/users'
import { asAdmin, asUser, startTestService, type TestService, waitUntil } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
afterAll(() => orders[Symbol.asyncDispose]())

const json = { 'content-type': 'application/json' }
const userId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'

function post(payload: string, headers: Record<string, string> = json) {
  return orders.http.inject({ method: 'POST', url: '/orders', headers: { ...asUser(userId), ...headers }, payload })
}

describe('an accepted order', () => {
  test('is answered with its place, its version and what can be read there', async () => {
    const answer = await post('{"amount": 29.99}')
    expect(answer.statusCode).toBe(201)
    const order = answer.json()
    expect(order).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      userId,
      status: 'reserved',
      items: [],
      amount: 29.99,
      totalCents: 2999,
      currency: 'BRL',
      shippingAddress: null,
      paymentReference: null,
      payBy: new Date(Date.parse(order.createdAt) + 24 * 3_600_000).toISOString(),
      origin: null,
      version: 1,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      updatedAt: order.createdAt,
    })
    expect(answer.headers).toMatchObject({
      location: `/orders/${order.id}`,
      link: `</q/orders/${order.id}?minVersion=1>; rel="related"`,
      etag: '"1"',
    })
    const found = await orders.http.inject({ url: `/orders/${order.id}`, headers: asUser(userId) })
    expect(found.body).toBe(answer.body)
  })

  test('was placed at the moment that its id tells, by which lists and deadlines go', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => post('{"amount": 1}')))
    const placed = answers.map(answer => answer.json<{ id: string; createdAt: string }>())
    expect(placed.map(({ createdAt }) => createdAt)).toEqual(placed.map(({ id }) => momentOf(id).toISOString()))
  })

  test('is published as order.created, in the trace and the conversation of its request', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const answer = await post(JSON.stringify({ amount: 12.5, userId }), {
      ...json,
      ...asUser(userId, { email: 'ana@example.com' }),
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      'x-correlation-id': 'conversation-1',
    })
    const { id, createdAt } = answer.json()
    const payload = (await orders.published(orderCreated)).find(({ orderId }) => orderId === id)
    expect(payload).toEqual({
      orderId: id,
      version: 1,
      status: 'reserved',
      userId,
      customer: { name: null, email: 'ana@example.com', locale: null },
      items: [],
      totalCents: 1250,
      currency: 'BRL',
      createdAt,
      origin: null,
    })
    const { rows } = await orders.resources.query({
      text: `select aggregate_type, aggregate_version, headers, subject_id, personal_fields from chassis.outbox
             where aggregate_id = $1`,
      values: [id],
    })
    expect(rows).toEqual([
      {
        aggregate_type: 'order',
        aggregate_version: '1',
        subject_id: userId,
        personal_fields: 'customer',
        headers: {
          traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`)),
          'correlation-id': 'conversation-1',
        },
      },
    ])
  })

  test.each([
    ['a numeric string', '{"amount": "29.99"}', 2999],
    ['a whole number', '{"amount": 30}', 3000],
    ['one decimal', '{"amount": "0.5"}', 50],
    ['an exponent that is a plain number', '{"amount": 2.999e1}', 2999],
    ['the smallest amount', '{"amount": 0.01}', 1],
    ['the largest amount', '{"amount": 10000000}', 1_000_000_000],
    ['a sum that floating point would spoil', '{"amount": 1.15}', 115],
    ['the name total', '{"total": 29.99}', 2999],
    ['amount and total that agree', '{"amount": 29.99, "total": "29.99"}', 2999],
  ])('may say its amount as %s', async (_what, body, totalCents) => {
    const answer = await post(body)
    expect(answer.statusCode, answer.body).toBe(201)
    expect(answer.json()).toMatchObject({ totalCents, amount: totalCents / 100 })
  })

  test.each([
    { user_id: userId, user_email: 'ana@example.com', total: 29.99 },
    { userId, userEmail: 'ana@example.com', amount: 29.99 },
  ])('may say whose it is: %j', async body => {
    await orders.deliver(userCreated, { ...userCreated.example, userId, email: 'known@example.com' })
    const emailOf = async (headers: Record<string, string>) => {
      const answer = await post(JSON.stringify(body), { ...json, ...headers })
      expect(answer.json()).toMatchObject({ userId, totalCents: 2999 })
      const text = 'select user_id, user_email from orders where id = $1'
      const { rows } = await orders.resources.query({ text, values: [answer.json().id] })
      expect(rows[0]).toMatchObject({ user_id: userId })
      return rows[0]?.['user_email']
    }
    await waitUntil('the customer is known', async () => (await emailOf(asUser(userId))) === 'known@example.com')
    expect(await emailOf(asAdmin())).toBe('ana@example.com')
  })

  test.each([
    ['application/json; charset=utf-8', '/orders'],
    ['application/vnd.feira.order+json', '/orders'],
    ['application/json', '/orders/'],
  ])('comes as %s to %s', async (type, url) => {
    const headers = { ...asUser(), 'content-type': type }
    const answer = await orders.http.inject({ method: 'POST', url, headers, payload: '{"amount": 1}' })
    expect(answer.statusCode, answer.body).toBe(201)
  })

  test('may come in a body as large as one may be', async () => {
    const answer = await post('{"amount": 1}'.padEnd(1_048_576))
    expect(answer.statusCode).toBe(201)
  })
})

test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)('%s is no method of /orders', async method => {
  const answer = await orders.http.inject({ method, url: '/orders' })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST'])
  expect(answer.json()).toMatchObject({ code: 'method-not-allowed', instance: '/orders' })
})
