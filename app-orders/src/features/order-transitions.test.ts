import { newId } from '@feira/chassis'
import { asUser } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderStatus } from '../domain/order.ts'
import { admin, eachStatus, startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const typesOf = async (id: string) => (await shop.publishedOf(id)).map(({ type }) => type)

test('an order is reserved, paid, shipped and completed, each with its event and its row of history', async () => {
  const order = await shop.order()
  const own = asUser(order.userId as string)
  await shop.stockReserved(order)
  const paid = await shop.post(`/${order.id}/pay`, { paymentReference: 'pay_8f3a' }, own)
  expect(paid.statusCode, paid.body).toBe(200)
  expect(paid.headers.etag).toBe('"3"')
  expect(paid.json()).toMatchObject({ status: 'paid', version: 3, paymentReference: 'pay_8f3a', payBy: null })
  expect((await shop.send('PATCH', `/${order.id}/status`, { status: 'SHIPPED' })).json()).toMatchObject({ version: 4 })
  expect((await shop.post(`/${order.id}/complete`)).json()).toMatchObject({ status: 'completed', version: 5 })

  const stages = ['pending', 'reserved', 'paid', 'shipped', 'completed']
  expect(await shop.history(order.id)).toEqual(
    stages.map((status, index) => ({ version: index + 1, status, reason: null })),
  )
  const events = (await shop.publishedOf(order.id)).filter(({ type }) => type.startsWith('order.'))
  expect(events.map(({ type, payload }) => [type, payload['version']])).toEqual([
    ['order.created', 1],
    ['order.reserved', 2],
    ['order.paid', 3],
    ['order.shipped', 4],
    ['order.completed', 5],
  ])
  const { items, customer } = events[0]?.payload ?? {}
  for (const { payload } of events)
    expect(payload).toMatchObject({ orderId: order.id, items, customer, totalCents: 5_998 })
  expect(await typesOf(order.id)).not.toContain('stock.release')
})

test('a quick order starts reserved, and has nothing to do with stock', async () => {
  const place = async () => (await shop.post('', { amount: 1 }, asUser())).json().id as string
  const [cancelled, refunded] = [await place(), await place()]
  expect((await shop.post(`/${cancelled}/cancel`, { reason: 'changed my mind' }, asUser())).statusCode).toBe(200)
  await shop.post(`/${refunded}/pay`, undefined, asUser())
  await shop.post(`/${refunded}/refund`, { restock: true })
  expect(await typesOf(cancelled)).toEqual(['order.created', 'order.cancelled'])
  expect(await typesOf(refunded)).toEqual(['order.created', 'order.paid', 'order.refunded'])
})

describe('stock is released', () => {
  test.each<[OrderStatus, string, object | undefined, boolean]>([
    ['pending', 'cancel', { reason: 'changed my mind' }, true],
    ['reserved', 'cancel', undefined, true],
    ['paid', 'cancel', undefined, true],
    ['paid', 'refund', undefined, true],
    ['shipped', 'refund', { reason: 'arrived broken' }, false],
    ['shipped', 'refund', { restock: true }, true],
    ['completed', 'refund', undefined, false],
    ['completed', 'refund', { restock: true }, true],
  ])('from %s by %s %j: %s', async (status, action, body, released) => {
    const { id, version } = await shop.orderIn(status)
    const answer = await shop.post(`/${id}/${action}`, body)
    expect(answer.statusCode, answer.body).toBe(200)
    const becomes = status === 'pending' || status === 'reserved' ? 'cancelled' : 'refunded'
    expect(answer.json()).toMatchObject({ status: becomes, version: version + 1 })
    const published = await typesOf(id)
    expect(published).toContain(`order.${becomes}`)
    expect(published.filter(type => type === 'stock.release')).toHaveLength(released ? 1 : 0)
    const reason = body && 'reason' in body ? body.reason : null
    expect((await shop.history(id)).at(-1)).toEqual({ version: version + 1, status: becomes, reason })
  })
})

/** What each request wishes, and where that may happen. */
const wishes: readonly [string, 'POST' | 'PATCH', string, object | undefined, OrderStatus, readonly OrderStatus[]][] = [
  ['pay', 'POST', 'pay', undefined, 'paid', ['reserved']],
  ['cancel', 'POST', 'cancel', undefined, 'cancelled', ['pending', 'reserved', 'paid']],
  ['complete', 'POST', 'complete', undefined, 'completed', ['shipped']],
  ['refund', 'POST', 'refund', undefined, 'refunded', ['paid', 'shipped', 'completed']],
  ...eachStatus.map(status => {
    const from: Record<OrderStatus, OrderStatus[]> = {
      pending: [],
      reserved: [],
      paid: ['reserved'],
      shipped: ['paid'],
      completed: ['shipped'],
      cancelled: ['pending', 'reserved'],
      refunded: ['paid', 'shipped', 'completed'],
    }
    return [`status ${status}`, 'PATCH', 'status', { status }, status, from[status]] as (typeof wishes)[number]
  }),
]

test.each(wishes)(
  '%s is refused wherever it may not be, naming both states',
  async (_name, method, path, body, to, from) => {
    const elsewhere = eachStatus.filter(status => !from.includes(status))
    await Promise.all(elsewhere.map(isRefused))

    async function isRefused(status: OrderStatus) {
      const { id, version } = await shop.orderIn(status)
      const before = await shop.publishedOf(id)
      const answer = await shop.send(method, `/${id}/${path}`, body)
      expect(answer.statusCode, `${status}: ${answer.body}`).toBe(409)
      const { code, detail } = answer.json()
      expect(code).toBe('invalid-transition')
      expect(detail).toMatch(new RegExp(`is ${status}.* become ${to}`))
      expect(await shop.read(id)).toMatchObject({ status, version })
      expect(await shop.publishedOf(id)).toEqual(before)
    }
  },
)

test.each(wishes)('%s happens wherever it may', async (_name, method, path, body, to, from) => {
  const happens = async (status: OrderStatus) => {
    const { id } = await shop.orderIn(status)
    const answer = await shop.send(method, `/${id}/${path}`, body)
    expect(answer.statusCode, answer.body).toBe(200)
    expect(answer.json()).toMatchObject({ status: path === 'cancel' && status === 'paid' ? 'refunded' : to })
  }
  await Promise.all(from.map(happens))
})

describe('of two at once one wins', () => {
  test.each([
    ['cancel', 'cancel'],
    ['pay', 'cancel'],
    ['pay', 'pay'],
  ])('%s and %s', async (one, other) => {
    const { id } = await shop.orderIn('reserved')
    const answers = await Promise.all([one, other, one, other].map(action => shop.post(`/${id}/${action}`)))
    const { version } = await shop.read(id)
    const won = answers.filter(({ statusCode }) => statusCode === 200).length
    // A payment may be followed by a cancellation, which refunds it.
    expect(version).toBe(2 + won)
    expect(won).toBeGreaterThan(0)
    expect(won).toBeLessThanOrEqual(one === other ? 1 : 2)
    expect(answers.filter(({ statusCode }) => statusCode !== 200).map(answer => answer.json().code)).toEqual(
      Array.from({ length: 4 - won }, () => 'invalid-transition'),
    )
  })
})

test('If-Match keeps a change away from what has changed', async () => {
  const { id } = await shop.orderIn('reserved')
  const cancel = (tag: string) => shop.post(`/${id}/cancel`, undefined, { ...admin, 'if-match': tag })
  const stale = await cancel('"1"')
  expect(stale.statusCode).toBe(412)
  expect(stale.headers.etag).toBe('"2"')
  expect(
    (await shop.send('PATCH', `/${id}/status`, { status: 'paid' }, { ...admin, 'if-match': '"1"' })).statusCode,
  ).toBe(412)
  expect((await cancel('"2"')).statusCode).toBe(200)
})

test('an Idempotency-Key repeats the answer, and counts for one order', async () => {
  const [one, other] = [await shop.orderIn('reserved'), await shop.orderIn('reserved')]
  const headers = { ...admin, 'idempotency-key': newId() }
  const first = await shop.post(`/${one.id}/pay`, undefined, headers)
  const again = await shop.post(`/${one.id}/pay`, undefined, headers)
  expect([first.statusCode, again.statusCode]).toEqual([200, 200])
  expect(again.body).toBe(first.body)
  expect(again.headers['idempotency-replayed']).toBe('true')
  expect((await shop.post(`/${other.id}/pay`, undefined, headers)).statusCode).toBe(422)
  expect(await shop.read(other.id)).toMatchObject({ status: 'reserved' })
})

describe('another user', () => {
  test.each([
    ['GET', ''],
    ['GET', '/history'],
    ['POST', '/pay'],
    ['POST', '/cancel'],
  ] as const)('finds nothing at %s %s', async (method, path) => {
    const { id } = await shop.orderIn('reserved')
    const answer = await shop.send(method, `/${id}${path}`, undefined, asUser(newId()))
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'order-not-found' })
    expect(await shop.read(id)).toMatchObject({ status: 'reserved' })
  })

  test('sees no orders but their own', async () => {
    const order = await shop.order()
    const mine = asUser(order.userId as string)
    const list = async (query: string, headers: Record<string, string>) => {
      const answer = await shop.send('GET', query, undefined, headers)
      return answer.statusCode === 200 ? answer.json().items.map(({ id }: { id: string }) => id) : answer.statusCode
    }
    expect(await list('', mine)).toEqual([order.id])
    expect(await list(`?userId=${order.userId?.toUpperCase()}`, mine)).toEqual([order.id])
    expect(await list('', asUser(newId()))).toEqual([])
    expect(await list(`?userId=${order.userId}`, asUser(newId()))).toBe(403)
    expect(await list(`?userId=${order.userId}`, admin)).toEqual([order.id])
  })
})

test.each([
  ['POST', 'pay', { amount: 1 }, 'amount'],
  ['POST', 'pay', { paymentReference: 'x'.repeat(201) }, 'paymentReference'],
  ['POST', 'cancel', { reason: '' }, 'reason'],
  ['POST', 'cancel', { reason: 'x'.repeat(501) }, 'reason'],
  ['POST', 'refund', { restock: 'yes' }, 'restock'],
  ['POST', 'complete', { reason: 'x' }, 'reason'],
  ['PATCH', 'status', { status: 'lost' }, 'status'],
  ['PATCH', 'status', {}, 'status'],
] as const)('%s %s %j is refused', async (method, path, body, field) => {
  const answer = await shop.send(method, `/${newId()}/${path}`, body)
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field }] })
})

test.each(['pay', 'cancel', 'complete', 'refund'])(
  '%s of an order that does not exist is answered with 404',
  async action => {
    expect((await shop.post(`/${newId()}/${action}`)).json()).toMatchObject({ status: 404, code: 'order-not-found' })
    expect((await shop.post(`/42/${action}`)).json()).toMatchObject({
      status: 400,
      errors: [{ in: 'path', field: 'id' }],
    })
  },
)
