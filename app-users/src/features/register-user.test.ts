import { newId } from '@feira/chassis'
import { userCreated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newEmail, password, startTestIssuer, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const post = (payload: object, headers: Record<string, string> = {}) =>
  users.http.inject({ method: 'POST', url: '/users', payload, headers })

const eventsOf = async (email: string) =>
  (await users.published(userCreated)).filter(event => event.email?.toLowerCase() === email.toLowerCase())

test('anybody registers, is announced, and signs in', async () => {
  const email = newEmail()
  const answer = await post({ name: ' Ana Souza ', email, password, locale: 'en' })
  expect(answer.statusCode, answer.body).toBe(201)
  const { id, ...view } = answer.json()
  expect(view).toMatchObject({ name: 'Ana Souza', email, role: 'user', status: 'active', locale: 'en', version: 1 })
  expect(answer.body).not.toMatch(/password|hash/i)
  expect(answer.headers).toMatchObject({ location: `/users/${id}`, etag: '"1"' })
  expect(await eventsOf(email)).toEqual([
    {
      userId: id,
      version: 1,
      name: 'Ana Souza',
      email,
      role: 'user',
      status: 'active',
      locale: 'en',
      createdAt: view.createdAt,
      updatedAt: view.updatedAt,
    },
  ])
  await users.logIn(email, password)
})

test('the locale is pt-BR unless given', async () => {
  expect((await post({ name: 'Ana', email: newEmail() })).json().locale).toBe('pt-BR')
})

test('an e-mail address is kept as written, its domain in lower case', async () => {
  const email = newEmail()
  const [local] = email.split('@')
  const answer = await post({ name: 'Ana', email: `  X-${local}@EXAMPLE.com ` })
  expect(answer.json().email).toBe(`X-${local}@example.com`)
})

describe('an e-mail address that is taken', () => {
  test('is refused, in whatever spelling', async () => {
    const email = newEmail()
    await post({ name: 'Ana', email })
    for (const spelling of [email, email.toUpperCase(), ` ${email}`]) {
      const answer = await post({ name: 'Bea', email: spelling })
      expect(answer.json()).toMatchObject({
        status: 409,
        code: 'email-taken',
        errors: [{ in: 'body', field: 'email', message: 'is taken' }],
      })
    }
    expect(await eventsOf(email)).toHaveLength(1)
  })

  test('goes to exactly one of twenty who come at once', async () => {
    const email = newEmail()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => post({ name: 'Ana', email: index % 2 ? email : email.toUpperCase() })),
    )
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([201, ...Array(19).fill(409)])
    expect(await eventsOf(email)).toHaveLength(1)
  })

  test('is free again after its user was deleted', async () => {
    const { id, email } = await users.register()
    await users.http.inject({ method: 'DELETE', url: `/users/${id}`, headers: users.admin })
    expect((await post({ name: 'Ana', email })).statusCode).toBe(201)
  })
})

describe('role and status', () => {
  test('are given by an admin', async () => {
    const answer = await post({ name: 'P', email: newEmail(), role: 'partner', status: 'blocked' }, users.admin)
    expect(answer.json()).toMatchObject({ role: 'partner', status: 'blocked' })
  })

  test.each([{ role: 'admin' }, { role: 'user' }, { status: 'active' }])('%j is refused from others', async given => {
    const email = newEmail()
    const { headers } = await users.register()
    for (const caller of [{}, headers]) {
      const answer = await post({ name: 'Ana', email, ...given }, caller)
      expect(answer.json()).toMatchObject({ status: 403, errors: [{ field: Object.keys(given)[0] }] })
    }
    expect(await eventsOf(email)).toEqual([])
  })

  test('are not given by an admin who was blocked a moment ago', async () => {
    const admin = await users.register()
    const change = { method: 'PATCH', url: `/users/${admin.id}`, headers: users.admin } as const
    await users.http.inject({ ...change, payload: { role: 'admin' } })
    const { headers } = {
      headers: { authorization: `Bearer ${(await users.logIn(admin.email, password)).access_token}` },
    }
    const payload = () => ({ name: 'Ana', email: newEmail(), role: 'admin' })
    expect((await post(payload(), headers)).statusCode).toBe(201)
    await users.http.inject({ ...change, payload: { status: 'blocked' } })
    expect((await post(payload(), headers)).json()).toMatchObject({ status: 403, code: 'account-blocked' })
  })
})

describe('with an Idempotency-Key', () => {
  test('it happens once, however often and at whatever time it is sent', async () => {
    const payload = { name: 'Ana', email: newEmail(), password }
    const headers = { 'idempotency-key': newId() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(payload, headers)))
    expect(new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body}`)).size).toBe(1)
    expect(answers[0]?.statusCode).toBe(201)
    const again = await post(payload, headers)
    expect(again.headers['idempotency-replayed']).toBe('true')
    expect(await eventsOf(payload.email)).toHaveLength(1)
  })

  test('another password is another body', async () => {
    const payload = { name: 'Ana', email: newEmail(), password }
    const headers = { 'idempotency-key': newId() }
    await post(payload, headers)
    expect((await post({ ...payload, password: 'another password' }, headers)).statusCode).toBe(422)
  })
})

describe('is refused', () => {
  const ana = { name: 'Ana', email: 'ana.refused@example.com', password }

  test.each<[Record<string, unknown>, string]>([
    [{ name: undefined }, 'name'],
    [{ name: '' }, 'name'],
    [{ name: '   ' }, 'name'],
    [{ name: 'x'.repeat(201) }, 'name'],
    [{ name: 'Ana\r\nBcc: all@example.com' }, 'name'],
    [{ name: 'Ana\u0000' }, 'name'],
    [{ name: '\ud800' }, 'name'],
    [{ name: 42 }, 'name'],
    [{ email: undefined }, 'email'],
    [{ email: '' }, 'email'],
    [{ email: 'ana' }, 'email'],
    [{ email: 'ana@example' }, 'email'],
    [{ email: 'ana@example.com, bea@example.com' }, 'email'],
    [{ email: 'ana@example.com\r\nBcc: bea@example.com' }, 'email'],
    [{ email: `${'x'.repeat(250)}@example.com` }, 'email'],
    [{ email: ['ana@example.com'] }, 'email'],
    [{ password: '1234567' }, 'password'],
    [{ password: '' }, 'password'],
    [{ password: 'x'.repeat(129) }, 'password'],
    [{ password: null }, 'password'],
    [{ locale: 'fr' }, 'locale'],
    [{ role: 'root' }, 'role'],
    [{ id: newId() }, 'id'],
    [{ version: 7 }, 'version'],
  ])('%j', async (fault, field) => {
    const answer = await post({ ...ana, ...fault })
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field }] })
  })

  test('a body larger than a mebibyte, without reading it', async () => {
    expect((await post({ ...ana, password: 'x'.repeat(1_100_000) })).statusCode).toBe(413)
  })
})
