import { encodeCursor, newId } from '@feira/chassis'
import { asAdmin, asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
afterAll(() => orders[Symbol.asyncDispose]())

const get = (url: string) => orders.http.inject({ url, headers: asAdmin() })

interface Order {
  readonly id: string
  readonly userId: string | null
  readonly createdAt: string
}

async function place({ userId }: { userId?: string } = {}): Promise<Order> {
  const headers = asUser(userId)
  const answer = await orders.http.inject({ method: 'POST', url: '/orders', headers, payload: { amount: 29.99 } })
  return answer.json()
}

async function list(query: Record<string, string> = {}): Promise<{ items: Order[]; nextCursor: string | null }> {
  const answer = await orders.http.inject({ url: '/orders', query, headers: asAdmin() })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

/** Follows the cursors to the end. */
async function* pages(query: Record<string, string> = {}) {
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list(cursor === undefined ? query : { ...query, cursor })
    yield page.items
    cursor = page.nextCursor
  }
}

async function idsIn(query: Record<string, string>): Promise<string[]> {
  const found = []
  for await (const items of pages(query)) found.push(...items.map(({ id }) => id))
  return found
}

test('of a user without orders it is empty', async () => {
  expect(await list({ userId: newId() })).toEqual({ items: [], nextCursor: null })
})

test('shows each order as it can be read alone, newest first', async () => {
  const userId = newId()
  const [first, second] = [await place({ userId }), await place({ userId })]
  expect(await list({ userId })).toEqual({ items: [second, first], nextCursor: null })
})

test('gives 20 at a time unless asked otherwise, and a last page without a cursor', async () => {
  const userId = newId()
  for (let count = 0; count < 21; count++) await place({ userId })
  const sizes = async (query: Record<string, string>) => {
    const lengths = []
    for await (const items of pages({ userId, ...query })) lengths.push(items.length)
    return lengths
  }
  expect(await sizes({})).toEqual([20, 1])
  expect(await sizes({ limit: '7' })).toEqual([7, 7, 7])
  expect(await sizes({ limit: '100' })).toEqual([21])
})

test('a walk meets every order exactly once, newest first, while new ones arrive', async () => {
  await Promise.all(Array.from({ length: 60 }, () => place()))
  const { rows } = await orders.resources.query<{ id: string }>({ text: 'select id from orders order by id desc' })
  const known = rows.map(({ id }) => id)
  const met: string[] = []
  const later: string[] = []
  for await (const items of pages({ limit: '7' })) {
    met.push(...items.map(({ id }) => id))
    later.push((await place()).id)
  }
  expect(met).toEqual(known)
  expect(later.length).toBeGreaterThan(8)
  expect((await list({ limit: '100' })).items.slice(0, later.length).map(({ id }) => id)).toEqual(later.toReversed())
})

describe('shows only those', () => {
  test('of one user', async () => {
    const [ana, bea] = [newId(), newId()]
    const [hers] = await Promise.all([place({ userId: ana }), place({ userId: bea }), place()])
    expect(await idsIn({ userId: ana })).toEqual([hers.id])
    expect(await idsIn({ userId: ana.toUpperCase() })).toEqual([hers.id])
  })

  test('in one state', async () => {
    const userId = newId()
    const [paid, reserved] = [await place({ userId }), await place({ userId })]
    await orders.resources.query({ text: `update orders set status = 'paid' where id = $1`, values: [paid.id] })
    expect(await idsIn({ userId, status: 'paid' })).toEqual([paid.id])
    expect(await idsIn({ userId, status: 'PaId' })).toEqual([paid.id])
    expect(await idsIn({ userId, status: 'reserved' })).toEqual([reserved.id])
    expect(await idsIn({ userId, status: 'refunded' })).toEqual([])
  })

  test('of a period, its beginning included and its end not, in any time zone and over pages', async () => {
    const userId = newId()
    const placed: Order[] = []
    for (let count = 0; count < 9; count++) placed.push(await placeLater(placed.at(-1), userId))
    const [from, to] = [placed[3], placed[7]] as [Order, Order]
    const expected = placed.slice(3, 7).map(({ id }) => id)
    expect(await idsIn({ userId, from: from.createdAt, to: to.createdAt })).toEqual(expected.toReversed())
    expect(await idsIn({ userId, from: inSaoPaulo(from), to: inSaoPaulo(to), limit: '3' })).toEqual(
      expected.toReversed(),
    )
    expect(await idsIn({ userId, from: to.createdAt, to: from.createdAt })).toEqual([])
  })

  test.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00Z'])(
    'since %s, which are all',
    async from => {
      const { id, userId } = await place({ userId: newId() })
      expect(await idsIn({ userId: userId as string, from })).toEqual([id])
      expect(await idsIn({ userId: userId as string, to: from })).toEqual([])
    },
  )

  test('until the last moment that can be named, which are all', async () => {
    const { id, userId } = await place({ userId: newId() })
    expect(await idsIn({ userId: userId as string, to: '9999-12-31T23:59:59.999Z' })).toEqual([id])
  })
})

/** An order placed at least a millisecond after another, so that times tell them apart. */
async function placeLater(than: Order | undefined, userId: string): Promise<Order> {
  const order = await place({ userId })
  return order.createdAt === than?.createdAt ? placeLater(than, newId()).then(() => place({ userId })) : order
}

const inSaoPaulo = ({ createdAt }: Order) =>
  new Date(Date.parse(createdAt) - 3 * 3_600_000).toISOString().replace('Z', '-03:00')

describe('a query is refused', () => {
  const cursors = ['', 'abc', '%', 'null', encodeCursor([]), encodeCursor(['42']), encodeCursor([newId(), 1])]
  const moments = ['yesterday', '2026-11-21', '2026-02-30T00:00:00Z', '2026-11-21T12:00:00', '1795262400', '']

  test.each<[string, string]>([
    ...['0', '101', 'abc', '1.5', '-1', '', ' 1', '1e1', '0x10', '1000', '９'].map(limit => ['limit', limit] as const),
    ...[...cursors, 'x'.repeat(513), encodeCursor(["' or true --"])].map(cursor => ['cursor', cursor] as const),
    ...['from', 'to'].flatMap(field => moments.map(moment => [field, moment] as const)),
    ...['', 'open', 'paid,reserved', '\u0000'].map(status => ['status', status] as const),
    ...['', '42', `${newId()}'`].map(id => ['userId', id] as const),
    ['page', '2'],
    ['user_id', newId()],
  ] as [string, string][])('%s=%s', async (field, value) => {
    const answer = await orders.http.inject({ url: '/orders', query: { [field]: value }, headers: asAdmin() })
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'query', field }] })
  })

  test('that says one thing twice', async () => {
    const answer = await get('/orders?limit=1&limit=2')
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ errors: [{ in: 'query', field: 'limit' }] })
  })
})

test('a slash at the end changes nothing, and HEAD tells the length', async () => {
  const { body } = await get('/orders/?limit=1')
  expect(body).toBe((await get('/orders?limit=1')).body)
  const head = await orders.http.inject({ method: 'HEAD', url: '/orders?limit=1', headers: asAdmin() })
  expect(head.headers['content-length']).toBe(String(Buffer.byteLength(body)))
  expect(head.body).toBe('')
})
