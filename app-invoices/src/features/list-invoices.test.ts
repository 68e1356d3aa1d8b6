import { encodeCursor, newId } from '@feira/chassis'
import { asAdmin, asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let invoices: TestService

beforeAll(async () => {
  invoices = await startTestService(service)
})
afterAll(() => invoices[Symbol.asyncDispose]())

interface Invoice {
  readonly id: string
  readonly orderId: string
}

/** Has an invoice issued for each of so many orders of a user. */
async function issue(count: number, userId: string | null = null): Promise<string[]> {
  const orderIds = Array.from({ length: count }, () => newId())
  for (const orderId of orderIds) await invoices.deliver(orderCreated, { ...orderCreated.example, orderId, userId })
  return orderIds
}

/** Lists as an admin, unless told otherwise. */
async function list(
  query: Record<string, string> = {},
  headers = asAdmin(),
): Promise<{ items: Invoice[]; nextCursor: string | null }> {
  const answer = await invoices.http.inject({ url: '/invoices', query, headers })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

const get = (url: string) => invoices.http.inject({ url, headers: asAdmin() })

/** Follows the cursors to the end. */
async function* pages(query: Record<string, string> = {}) {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list(cursor === undefined ? query : { ...query, cursor })
    yield page.items
    cursor = page.nextCursor
  }
}

const ordersIn = async (query: Record<string, string>) => (await list(query)).items.map(({ orderId }) => orderId)

test('of an order that is not there it is empty', async () => {
  expect(await list({ orderId: newId() })).toEqual({ items: [], nextCursor: null })
})

test('of an order shows its one invoice, as it can be read alone', async () => {
  const [orderId] = (await issue(1)) as [string]
  const { items, nextCursor } = await list({ orderId })
  expect(nextCursor).toBeNull()
  expect(items).toHaveLength(1)
  expect(items[0]).toEqual((await get(`/invoices/${items[0]?.id}`)).json())
  expect(await ordersIn({ orderId: orderId.toUpperCase() })).toEqual([orderId])
})

test('of a user shows their invoices alone, newest first', async () => {
  const [ana, bea] = [newId(), newId()]
  const hers = await issue(3, ana)
  await issue(1, bea)
  expect(await ordersIn({ userId: ana })).toEqual(hers.toReversed())
  expect(await ordersIn({ userId: bea, orderId: hers.at(0) ?? '' })).toEqual([])
})

test('of a user is what that user sees, whatever they ask for', async () => {
  const [ana, bea] = [newId(), newId()]
  const hers = await issue(2, ana)
  await issue(1, bea)
  await issue(1, null)
  const seen = async (query: Record<string, string>) => (await list(query, asUser(ana))).items.map(item => item.orderId)
  expect(await seen({})).toEqual(hers.toReversed())
  expect(await seen({ userId: ana, status: 'issued' })).toEqual(hers.toReversed())
  expect(await seen({ userId: bea })).toEqual([])
  const [{ orderId }] = (await list({ userId: bea })).items as [Invoice]
  expect(await seen({ orderId })).toEqual([])
  const before = (await list({ userId: bea, limit: '1' })).items[0]?.id
  expect(await seen({ cursor: encodeCursor([before ?? '']) })).toEqual(hers.toReversed())
})

test('of a state shows those in it', async () => {
  const userId = newId()
  const [paid, open] = (await issue(2, userId)) as [string, string]
  await invoices.resources.query({ text: `update invoices set status = 'paid' where order_id = $1`, values: [paid] })
  expect(await ordersIn({ userId, status: 'paid' })).toEqual([paid])
  expect(await ordersIn({ userId, status: 'issued' })).toEqual([open])
  expect(await ordersIn({ userId, status: 'void' })).toEqual([])
})

test('a walk meets every invoice exactly once, newest first, while new ones are issued', async () => {
  await issue(21)
  const { rows } = await invoices.resources.query<{ id: string }>({ text: 'select id from invoices order by id desc' })
  const met: string[] = []
  let pageCount = 0
  for await (const items of pages({ limit: '4' })) {
    met.push(...items.map(({ id }) => id))
    pageCount++
    await issue(1)
  }
  expect(met).toEqual(rows.map(({ id }) => id))
  expect(pageCount).toBeGreaterThan(5)
  expect((await list()).items).toHaveLength(20)
})

describe('a query is refused', () => {
  const cursors = ['', 'abc', 'null', encodeCursor([]), encodeCursor(['2026-000001']), encodeCursor([newId(), 1])]

  test.each<readonly [string, string]>([
    ...['0', '101', 'abc', '1.5', '-1', '', '1e1'].map(limit => ['limit', limit] as const),
    ...[...cursors, 'x'.repeat(513)].map(cursor => ['cursor', cursor] as const),
    ...['', 'open', 'reserved', '\u0000'].map(status => ['status', status] as const),
    ...['userId', 'orderId'].flatMap(field => ['', '42', `${newId()}'`].map(id => [field, id] as const)),
    ['number', '2026-000001'],
    ['from', '2026-11-21T12:00:00Z'],
  ])('%s=%s', async (field, value) => {
    const answer = await invoices.http.inject({ url: '/invoices', query: { [field]: value }, headers: asUser() })
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
  })
})

test('a slash at the end changes nothing, and HEAD tells the length', async () => {
  const { body } = await get('/invoices/?limit=1')
  expect(body).toBe((await get('/invoices?limit=1')).body)
  const head = await invoices.http.inject({ method: 'HEAD', url: '/invoices?limit=1', headers: asAdmin() })
  expect(head.headers['content-length']).toBe(String(Buffer.byteLength(body)))
  expect(head.body).toBe('')
})

test.each(['POST', 'PUT', 'DELETE'] as const)('%s is no method of /invoices', async method => {
  const answer = await invoices.http.inject({ method, url: '/invoices', headers: asAdmin() })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD'])
})
