import { newId } from '@feira/chassis'
import { userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer, newEmail, password, startTestIssuer, type Headers, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const patch = (id: string, payload: object, headers: Headers) =>
  users.http.inject({ method: 'PATCH', url: `/users/${id}`, payload, headers })
const get = (id: string, headers: Headers) => users.http.inject({ url: `/users/${id}`, headers })
const eventsOf = async (id: string) => (await users.published(userUpdated)).filter(({ userId }) => userId === id)
const logIn = async (email: string, password: string) =>
  (await users.http.inject({ method: 'POST', url: '/auth/login', payload: { email, password } })).statusCode

describe('reading a user', () => {
  test('is for the user and for admins; for others there is none', async () => {
    const [ana, bea] = [await users.register(), await users.register()]
    const own = await get(ana.id, ana.headers)
    expect(own.statusCode).toBe(200)
    expect(own.json()).toMatchObject({ id: ana.id, email: ana.email })
    expect((await get(ana.id, users.admin)).json()).toEqual(own.json())
    expect((await get(ana.id.toUpperCase(), ana.headers)).json()).toEqual(own.json())
    const foreign = await get(ana.id, bea.headers)
    expect(foreign.json()).toMatchObject({ status: 404, code: 'user-not-found' })
    expect((await get(newId(), users.admin)).json()).toMatchObject({ status: 404, code: 'user-not-found' })
    expect((await get('42', users.admin)).json()).toMatchObject({ status: 400, errors: [{ field: 'id' }] })
  })

  test('is spared whoever has the version', async () => {
    const ana = await users.register()
    expect((await get(ana.id, { ...ana.headers, 'if-none-match': '"1"' })).statusCode).toBe(304)
    expect((await get(ana.id, { ...ana.headers, 'if-none-match': '"2"' })).statusCode).toBe(200)
  })
})

test.each(['PUT', 'PATCH'] as const)('%s changes what is named, makes a version, and announces it', async method => {
  const ana = await users.register()
  const payload = { name: 'Bea', email: newEmail(), locale: 'en' }
  const answer = await users.http.inject({ method, url: `/users/${ana.id}`, payload, headers: ana.headers })
  expect(answer.statusCode, answer.body).toBe(200)
  expect(answer.headers.etag).toBe('"2"')
  expect(answer.json()).toMatchObject({ ...payload, version: 2, role: 'user', status: 'active' })
  expect((await get(ana.id, ana.headers)).json()).toEqual(answer.json())
  expect(await eventsOf(ana.id)).toMatchObject([{ ...payload, version: 2 }])
  const { createdAt, updatedAt } = answer.json()
  expect(updatedAt >= createdAt).toBe(true)
})

test('what changes nothing makes no version and is not announced', async () => {
  const ana = await users.register({ name: 'Ana' })
  const answer = await patch(ana.id, { name: 'Ana', email: ana.email }, ana.headers)
  expect(answer.json()).toMatchObject({ version: 1 })
  expect(await eventsOf(ana.id)).toEqual([])
})

describe('If-Match', () => {
  test('lets a change pass only on the version that was seen', async () => {
    const ana = await users.register()
    const change = (tag: string, name: string) => patch(ana.id, { name }, { ...ana.headers, 'if-match': tag })
    expect((await change('"1"', 'Bea')).statusCode).toBe(200)
    const late = await change('"1"', 'Cid')
    expect(late.statusCode).toBe(412)
    expect(late.headers.etag).toBe('"2"')
    expect((await change('W/"2"', 'Cid')).statusCode).toBe(412)
    expect((await change('*', 'Cid')).statusCode).toBe(200)
  })

  test('of twenty who saw the same version one wins', async () => {
    const ana = await users.register()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        patch(ana.id, { name: `Ana ${index}` }, { ...ana.headers, 'if-match': '"1"' }),
      ),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
    expect(answers.filter(({ statusCode }) => statusCode === 412)).toHaveLength(19)
  })
})

test('changes at the same time each make a version of their own', async () => {
  const ana = await users.register()
  await Promise.all(Array.from({ length: 10 }, (_, index) => patch(ana.id, { name: `Ana ${index}` }, ana.headers)))
  expect((await eventsOf(ana.id)).map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 10 }, (_, index) => index + 2),
  )
})

describe('role and status', () => {
  test.each([{ role: 'admin' }, { role: 'user' }, { status: 'active' }, { status: 'blocked' }])(
    '%j is refused from the user',
    async given => {
      const ana = await users.register()
      const answer = await patch(ana.id, { name: 'Bea', ...given }, ana.headers)
      expect(answer.json()).toMatchObject({ status: 403, errors: [{ field: Object.keys(given)[0] }] })
      expect((await get(ana.id, ana.headers)).json()).toMatchObject({ version: 1 })
    },
  )

  test('are changed by an admin', async () => {
    const ana = await users.register()
    const answer = await patch(ana.id, { role: 'partner', status: 'blocked' }, users.admin)
    expect(answer.json()).toMatchObject({ role: 'partner', status: 'blocked', version: 2 })
    expect(await eventsOf(ana.id)).toMatchObject([{ role: 'partner', status: 'blocked', version: 2 }])
  })
})

describe('an e-mail address', () => {
  test('that is taken is refused', async () => {
    const [ana, bea] = [await users.register(), await users.register()]
    const answer = await patch(ana.id, { email: bea.email.toUpperCase(), name: 'Bea' }, ana.headers)
    expect(answer.json()).toMatchObject({ status: 409, code: 'email-taken', errors: [{ field: 'email' }] })
    expect((await get(ana.id, ana.headers)).json()).toMatchObject({ email: ana.email, version: 1 })
  })

  test('that many want at once goes to one', async () => {
    const email = newEmail()
    const people = await Promise.all(Array.from({ length: 8 }, () => users.register()))
    const answers = await Promise.all(people.map(({ id, headers }) => patch(id, { email }, headers)))
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(7)
  })

  test('may change its case', async () => {
    const ana = await users.register()
    const email = ana.email.replace('person', 'Person')
    expect((await patch(ana.id, { email }, ana.headers)).json()).toMatchObject({ email, version: 2 })
  })
})

describe('a password', () => {
  const next = 'another password'

  test('is changed by whoever knows the current one, and ends every session', async () => {
    const ana = await users.register()
    const answer = await patch(ana.id, { password: next, currentPassword: password }, ana.headers)
    expect(answer.json()).toMatchObject({ version: 2 })
    expect([await logIn(ana.email, password), await logIn(ana.email, next)]).toEqual([401, 200])
    const refresh = {
      method: 'POST',
      url: '/auth/refresh',
      payload: { refresh_token: ana.tokens.refresh_token },
    } as const
    expect((await users.http.inject(refresh)).statusCode).toBe(401)
  })

  test('is not changed without the current one, nor with a wrong one', async () => {
    const ana = await users.register()
    const missing = await patch(ana.id, { password: next, name: 'Bea' }, ana.headers)
    expect(missing.json()).toMatchObject({ status: 400, errors: [{ field: 'currentPassword' }] })
    const wrong = await patch(ana.id, { password: next, currentPassword: 'wrong', name: 'Bea' }, ana.headers)
    expect(wrong.json()).toMatchObject({ status: 403, code: 'wrong-password', errors: [{ field: 'currentPassword' }] })
    expect((await get(ana.id, ana.headers)).json()).toMatchObject({ version: 1 })
    expect(await logIn(ana.email, password)).toBe(200)
  })

  test('cannot be guessed with a stolen token: ten attempts, as at the door', async () => {
    const ana = await users.register()
    const statuses = []
    for (let count = 0; count < 12; count++)
      statuses.push((await patch(ana.id, { password: next, currentPassword: 'wrong' }, ana.headers)).statusCode)
    expect(statuses).toEqual([...Array(10).fill(403), 429, 429])
  })

  test('is set by an admin for others, and for admins too only with their own', async () => {
    const ana = await users.register()
    expect((await patch(ana.id, { password: next }, users.admin)).statusCode).toBe(200)
    expect(await logIn(ana.email, next)).toBe(200)
    const me = (await users.http.inject({ url: '/auth/me', headers: users.admin })).json()
    expect((await patch(me.id, { password: next }, users.admin)).statusCode).toBe(400)
  })

  test.each(['1234567', 'x'.repeat(129)])('%s is refused', async bad => {
    const ana = await users.register()
    const answer = await patch(ana.id, { password: bad, currentPassword: password }, ana.headers)
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'password' }] })
  })
})

test.each<[object, string]>([
  [{}, 'body'],
  [{ currentPassword: password }, 'body'],
  [{ name: '' }, 'name'],
  [{ email: 'x' }, 'email'],
  [{ role: 'root' }, 'role'],
  [{ status: 'deleted' }, 'status'],
  [{ locale: 'xx' }, 'locale'],
  [{ version: 2 }, 'version'],
  [{ id: newId() }, 'id'],
])('the change %j is refused', async (payload, field) => {
  const answer = await patch((await users.register()).id, payload, users.admin)
  expect(answer.statusCode, answer.body).toBe(400)
  expect(answer.json().errors).toContainEqual(expect.objectContaining({ in: 'body', field }))
})

test('whoever is not there, or is somebody else, cannot be changed', async () => {
  const [ana, bea] = [await users.register(), await users.register()]
  expect((await patch(newId(), { name: 'X' }, users.admin)).statusCode).toBe(404)
  expect((await patch(ana.id, { name: 'X' }, bea.headers)).statusCode).toBe(404)
  expect((await patch('x', { name: 'X' }, users.admin)).statusCode).toBe(400)
})

describe('the last active admin', () => {
  const adminId = '01920000-0000-7000-8000-000000000001'

  test.each([{ role: 'user' }, { status: 'blocked' }])('is not lost by %j', async payload => {
    expect((await patch(adminId, payload, users.admin)).json()).toMatchObject({ status: 409, code: 'last-admin' })
  })

  test('is not deleted', async () => {
    const answer = await users.http.inject({ method: 'DELETE', url: `/users/${adminId}`, headers: users.admin })
    expect(answer.json()).toMatchObject({ status: 409, code: 'last-admin' })
  })

  // The last test of this file, because nobody knows who is an admin after it.
  test('is not lost when all admins remove each other at once', async () => {
    const admins = [{ id: adminId, headers: users.admin }]
    for (let count = 0; count < 4; count++) {
      const { id, email } = await users.register()
      const promote = {
        method: 'PATCH',
        url: `/users/${id}`,
        headers: users.admin,
        payload: { role: 'admin' },
      } as const
      await users.http.inject(promote)
      admins.push({ id, headers: bearer(await users.logIn(email, password)) })
    }
    await Promise.all(
      admins.map(({ headers }, index) => {
        const url = `/users/${admins[(index + 1) % admins.length]?.id}`
        return index % 2
          ? users.http.inject({ method: 'DELETE', url, headers })
          : users.http.inject({ method: 'PATCH', url, headers, payload: { role: 'user' } })
      }),
    )
    const { rows } = await users.resources.query<{ count: number }>({
      text: `select count(*)::int as count from users where role = 'admin' and status = 'active'`,
    })
    expect(rows[0]?.count).toBeGreaterThanOrEqual(1)
  })
})
