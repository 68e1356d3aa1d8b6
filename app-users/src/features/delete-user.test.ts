import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderCreated, orderPaid } from '@feira/contracts/orders'
import { snapshotRequested } from '@feira/contracts/snapshots'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newEmail, password, startTestIssuer, type Headers, type TestIssuer } from '../testing/issuer.ts'

let users: TestIssuer

beforeAll(async () => {
  users = await startTestIssuer()
})
afterAll(() => users[Symbol.asyncDispose]())

const remove = (id: string, headers: Headers = users.admin) =>
  users.http.inject({ method: 'DELETE', url: `/users/${id}`, headers })

/** The tables of the whole database that hold a text somewhere. */
async function tablesWith(text: string): Promise<string[]> {
  const { rows } = await users.resources.query<{ name: string }>({
    text: `select table_schema || '.' || table_name as name from information_schema.tables
           where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') and position(lower($1) in lower(
             query_to_xml(format('select * from %I.%I', table_schema, table_name), true, false, '')::text)) > 0`,
    values: [text],
  })
  return rows.map(({ name }) => name)
}

test('removes the user and tells everybody, once', async () => {
  const { id, email } = await users.register()
  await users.http.inject({ method: 'PATCH', url: `/users/${id}`, headers: users.admin, payload: { name: 'Bea' } })
  const answers = await Promise.all([remove(id), remove(id), remove(id)])
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([204, 404, 404])
  expect((await users.http.inject({ url: `/users/${id}`, headers: users.admin })).statusCode).toBe(404)
  const events = (await users.published(userDeleted)).filter(({ userId }) => userId === id)
  expect(events).toEqual([{ userId: id, version: 3, deletedAt: expect.any(String) }])
  const logIn = { method: 'POST', url: '/auth/login', payload: { email, password } } as const
  expect((await users.http.inject(logIn)).statusCode).toBe(401)
})

test('is for admins, on the version that they saw, of somebody who is there', async () => {
  const ana = await users.register()
  expect((await remove(ana.id, ana.headers)).statusCode).toBe(403)
  expect((await remove(ana.id, { ...users.admin, 'if-match': '"9"' })).statusCode).toBe(412)
  expect((await remove(newId())).json()).toMatchObject({ status: 404, code: 'user-not-found' })
  expect((await remove('x')).statusCode).toBe(400)
  expect((await remove(ana.id, { ...users.admin, 'if-match': '"1"' })).statusCode).toBe(204)
})

describe('erases the person', () => {
  test('everywhere in the database, also from what arrives afterwards', async () => {
    const [email, name] = [newEmail().replace('person', 'erasable-person'), 'Erasable Nomen Nescio']
    const key = { 'idempotency-key': newId() }
    const registration = { name, email, password }
    const created = await users.http.inject({ method: 'POST', url: '/users', payload: registration, headers: key })
    const { id } = created.json()
    await users.logIn(email, password)
    const tryWrong = { method: 'POST', url: '/auth/login', payload: { email, password: 'wrong' } } as const
    await users.http.inject(tryWrong)
    const customer = { name, email, locale: 'en' as const }
    const order = {
      orderId: newId(),
      userId: id,
      totalCents: 5,
      currency: 'BRL',
      items: [],
      createdAt: '2026-11-21T12:00:00.000Z',
    }
    await users.deliver(orderCreated, { ...order, customer, version: 1, status: 'pending' })
    // Malformed, so that it dies, once with and once without a hint whose it is.
    await users.deliverRaw(orderPaid, JSON.stringify({ ...order, customer, version: 'x' }))
    await users.deliverRaw(orderPaid, JSON.stringify({ orderId: newId(), customer }))
    await users.deliver(snapshotRequested, { requestId: newId(), kinds: ['user'], replyQueue: 'orders.on-snapshot' })
    const before = await tablesWith(email)
    expect(before).toEqual(
      expect.arrayContaining(['public.users', 'chassis.outbox', 'chassis.idempotency_keys', 'chassis.dead_letters']),
    )

    expect((await remove(id)).statusCode).toBe(204)
    await waitUntil('the e-mail address is nowhere', async () => (await tablesWith(email)).length === 0)
    expect(await tablesWith(name)).toEqual([])
    const { rows } = await users.resources.query({
      text: 'select * from login_failures where account = $1',
      values: [id],
    })
    expect(rows).toEqual([])

    await users.deliver(orderPaid, { ...order, customer, version: 2, paidAt: order.createdAt })
    await users.deliverRaw(orderPaid, JSON.stringify({ ...order, customer, version: 'y' }))
    await waitUntil('the late dead letter is blank', async () => (await tablesWith(email)).length === 0)
    expect(await tablesWith(name)).toEqual([])
    const events = [...(await users.published(userCreated)), ...(await users.published(userUpdated))]
    expect(events.filter(({ userId }) => userId === id)).toMatchObject([{ version: 1, name: null, email: null }])
  })

  test('but not the next who has the same address', async () => {
    const { id, email } = await users.register()
    await remove(id)
    const again = await users.http.inject({ method: 'POST', url: '/users', payload: { name: 'Ana', email, password } })
    expect(again.statusCode).toBe(201)
    await users.logIn(email, password)
  })
})
