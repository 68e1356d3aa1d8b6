import { encodeCursor, newId } from '@feira/chassis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newEmail, startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

interface User {
  readonly id: string
  readonly name: string
  readonly email: string
}

async function add(fields: Record<string, unknown> = {}): Promise<User> {
  const payload = { name: 'Ana', email: newEmail(), ...fields }
  const answer = await users.http.inject({ method: 'POST', url: '/users', payload, headers: users.admin })
  expect(answer.statusCode, answer.body).toBe(201)
  return answer.json()
}

async function list(query: Record<string, string> = {}): Promise<{ items: User[]; nextCursor: string | null }> {
  const answer = await users.http.inject({ url: '/users', query, headers: users.admin })
  expect(answer.statusCode, answer.body).toBe(200)
  return answer.json()
}

const idsIn = async (query: Record<string, string>) => (await list(query)).items.map(({ id }) => id)

// First, because the numbers are of everybody.
describe('the numbers', () => {
  test('count users by role, status and day, and all orders', async () => {
    const stats = async () => (await users.http.inject({ url: '/users/stats', headers: users.admin })).json()
    const day = new Date().toISOString().slice(0, 10)
    const orders = { count: 0, completed: 0, spentCents: 0 }
    const initial = { total: 3, byRole: { user: 1, admin: 1, partner: 1 }, byStatus: { active: 3, blocked: 0 } }
    expect(await stats()).toEqual({ ...initial, registrations: [{ day, count: 3 }], orders })
    const { id } = await users.register()
    await users.register()
    await users.http.inject({
      method: 'PATCH',
      url: `/users/${id}`,
      headers: users.admin,
      payload: { status: 'blocked' },
    })
    const text = `update users set created_at = now() - make_interval(days => $2) where id = $1`
    await users.resources.query({ text, values: [id, 29] })
    await users.resources.query({ text, values: ['01920000-0000-7000-8000-000000000003', 31] })
    const before = new Date(Date.now() - 29 * 86_400_000).toISOString().slice(0, 10)
    expect(await stats()).toEqual({
      total: 5,
      byRole: { user: 3, admin: 1, partner: 1 },
      byStatus: { active: 4, blocked: 1 },
      registrations: [
        { day: before, count: 1 },
        { day, count: 3 },
      ],
      orders,
    })
  })
})

test('shows each user as it can be read alone, newest first', async () => {
  const [first, second] = [await add(), await add()]
  const { items } = await list({ limit: '2' })
  expect(items).toEqual([second, first])
})

test('a walk meets everybody exactly once, while others come', async () => {
  await Promise.all(Array.from({ length: 30 }, () => add()))
  const { rows } = await users.resources.query<{ id: string }>({ text: 'select id from users order by created_at desc, id desc' }) // prettier-ignore
  const met: string[] = []
  let cursor: string | null = null
  do {
    const page = await list({ limit: '7', ...(cursor && { cursor }) })
    met.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
    await add()
  } while (cursor)
  expect(met).toEqual(rows.map(({ id }) => id))
  expect(met.length).toBeGreaterThan(30)
})

describe('shows only those', () => {
  test('of a role and in a state', async () => {
    const partner = await add({ role: 'partner', status: 'blocked' })
    expect(await idsIn({ role: 'partner', status: 'blocked' })).toEqual([partner.id])
    expect(await idsIn({ role: 'partner', status: 'active' })).toEqual(['01920000-0000-7000-8000-000000000003'])
    expect(await idsIn({ role: 'admin' })).toEqual(['01920000-0000-7000-8000-000000000001'])
  })

  test('with an e-mail address, its case ignored', async () => {
    const { id, email } = await add()
    expect(await idsIn({ email: ` ${email.toUpperCase()}` })).toEqual([id])
    expect(await idsIn({ email: email.slice(1) })).toEqual([])
  })

  test('whose name or address holds a text, its case ignored', async () => {
    const { id, email } = await add({ name: 'Zoë Ångström', email: 'zoe.very-special@example.com' })
    for (const search of ['ångström', 'ZOË Å', 'very-special', email]) expect(await idsIn({ search })).toEqual([id])
    expect(await idsIn({ search: 'nowhere to be found' })).toEqual([])
  })

  test('and takes a text literally', async () => {
    const { id } = await add({ name: '100% a_b \\ quote\' "' })
    for (const search of ['100%', 'a_b', '\\', `quote' "`]) expect(await idsIn({ search })).toEqual([id])
    expect(await idsIn({ search: 'a%b' })).toEqual([])
    expect(await idsIn({ search: `' or true --` })).toEqual([])
  })
})

test.each<[string, string]>([
  ['limit', '0'],
  ['limit', '101'],
  ['cursor', 'x'],
  ['cursor', encodeCursor(['yesterday', newId()])],
  ['cursor', encodeCursor([newId()])],
  ['cursor', encodeCursor(['2026-01-01T00:00:00Z', "' or true --"])],
  ['role', 'root'],
  ['status', 'deleted'],
  ['search', ''],
  ['search', '\u0000'],
  ['search', 'x'.repeat(101)],
  ['email', ''],
  ['name', 'Ana'],
])('the query %s=%s is refused', async (field, value) => {
  const answer = await users.http.inject({ url: '/users', query: { [field]: value }, headers: users.admin })
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.json()).toMatchObject({ errors: [{ in: 'query', field }] })
})

test('a cursor of a moment before all others ends the list', async () => {
  expect(await list({ cursor: encodeCursor(['0000-01-01T00:00:00Z', newId()]) })).toEqual({
    items: [],
    nextCursor: null,
  })
})
