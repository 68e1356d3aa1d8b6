import { newId } from '@feira/chassis'
import { asAdmin, asUser, waitUntil } from '@feira/chassis/testing'
import { orderCancelled } from '@feira/contracts/orders'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop[Symbol.asyncDispose]())

const erase = (userId: string) => shop.deliver(userDeleted, { userId, version: 9, deletedAt: new Date().toISOString() })

/** Every row of every table of the service and the chassis in which a text stands. */
async function rowsWith(text: string): Promise<string[]> {
  const tables = await shop.resources.query<{ name: string }>({
    text: `select format('%I.%I', schemaname, tablename) as name from pg_tables
           where schemaname in ('public', 'chassis')`,
  })
  expect(tables.rows.length).toBeGreaterThan(10)
  const found = await Promise.all(
    tables.rows.map(async ({ name }) => {
      const { rows } = await shop.resources.query<{ row: string }>({
        text: `select row_to_json(t)::text as row from ${name} t where t::text ilike '%' || $1 || '%'`,
        values: [text],
      })
      return rows.map(({ row }) => `${name}: ${row}`)
    }),
  )
  return found.flat()
}

const address = { street: 'Rua das Flores, 10', city: 'São Paulo', state: 'SP', zipCode: '01000-000' }

test('cancels what is unpaid and leaves nothing of the person, in any table', async () => {
  const mark = newId().slice(-12)
  const email = `ana-${mark}@example.com`
  const user = await shop.user({ email, name: `Ana ${mark}` })
  const own = { ...asUser(user.userId), 'idempotency-key': newId() }
  const { productId } = await shop.product()
  const items = [{ productId, quantity: 2 }]
  const placed = await shop.post('', { items, shippingAddress: { ...address, street: `Rua ${mark}` } }, own)
  const pending = placed.json()
  const reserved = await shop.order(items, user.userId)
  await shop.stockReserved(reserved)
  const paid = await shop.order(items, user.userId)
  await shop.stockReserved(paid)
  await shop.post(`/${paid.id}/pay`, undefined, asUser(user.userId))
  const cancelled = await shop.order(items, user.userId)
  await shop.post(`/${cancelled.id}/cancel`, { reason: `write to ${email}` }, own)
  const quick = (await shop.post('', { amount: 5 }, asUser(user.userId, { email }))).json()
  const other = await shop.post('', { userId: user.userId, userEmail: `two-${mark}@example.com`, amount: 5 }, asAdmin())
  expect((await rowsWith(mark)).length).toBeGreaterThan(8)

  await erase(user.userId)
  expect(await rowsWith(mark)).toEqual([])
  for (const { id } of [pending, reserved, quick, other.json()]) {
    expect(await shop.read(id)).toMatchObject({ status: 'cancelled', userId: user.userId, shippingAddress: null })
    expect((await shop.history(id)).at(-1)).toMatchObject({ reason: 'the account was deleted' })
  }
  expect(await shop.read(paid.id)).toMatchObject({ status: 'paid', userId: user.userId })
  expect((await shop.history(cancelled.id)).at(-1)).toMatchObject({ status: 'cancelled', reason: null })
  const types = async (id: string) => (await shop.publishedOf(id)).map(({ type }) => type)
  expect((await types(pending.id)).slice(-2)).toEqual(['order.cancelled', 'stock.release'])
  expect((await types(reserved.id)).slice(-2)).toEqual(['order.cancelled', 'stock.release'])
  const events = (await shop.published(orderCancelled)).filter(({ userId }) => userId === user.userId)
  expect(events.map(({ customer }) => customer)).toEqual(events.map(() => null))

  // What was in flight comes later.
  await shop.deliver(userCreated, user)
  await shop.deliver(userUpdated, { ...user, version: 12 })
  expect(await rowsWith(mark)).toEqual([])
  await shop.post(`/${paid.id}/refund`, { reason: 'gone' })
  expect((await shop.publishedOf(paid.id)).at(-2)).toMatchObject({
    type: 'order.refunded',
    payload: { customer: null },
  })
})

test('of somebody with more orders than one statement takes parameters', async () => {
  const { userId } = await shop.user()
  await shop.resources.query({
    text: `insert into orders (id, user_id, user_email, status, total_cents, currency, version, tallied, created_at, updated_at)
           select gen_random_uuid(), $1, 'ana@example.com', 'completed', 1, 'BRL', 5, true, now(), now()
           from generate_series(1, 66000)`,
    values: [userId],
  })
  await erase(userId)
  const left = 'select 1 from orders where user_id = $1 and user_email is not null limit 1'
  expect((await shop.resources.query({ text: left, values: [userId] })).rows).toEqual([])
  await shop.resources.query({ text: 'delete from orders where user_id = $1', values: [userId] })
})

test('whoever orders products at that moment is either cancelled or refused', async () => {
  const { productId } = await shop.product()
  const items = [{ productId, quantity: 1 }]
  const placed: string[] = []
  for (let round = 0; round < 5; round++) {
    const { userId } = await shop.user()
    const placing = Array.from({ length: 10 }, () => shop.post('', { items }, asUser(userId)))
    const [answers] = await Promise.all([Promise.all(placing), erase(userId)])
    placed.push(...answers.flatMap(answer => (answer.statusCode === 201 ? [answer.json().id as string] : [])))
    const refused = answers.filter(({ statusCode }) => statusCode !== 201).map(answer => answer.json().code)
    expect(refused).toEqual(refused.map(() => 'user-unknown'))
    expect((await shop.post('', { items }, asUser(userId))).json()).toMatchObject({ code: 'user-unknown' })
  }
  const left = 'select 1 from orders where id = any($1::uuid[]) and (status <> $2 or user_email is not null)'
  await waitUntil('all are cancelled and nobody is known', async () => {
    return (await shop.resources.query({ text: left, values: [placed, 'cancelled'] })).rowCount === 0
  })
})

test('a quick order that slips through, because its customer was known a moment ago, is cleaned up after', async () => {
  const mark = newId().slice(-12)
  const placeFor = (userId: string) => shop.post('', { amount: 1 }, asUser(userId))
  async function slipThrough() {
    const { userId } = await shop.user({ email: `${mark}@example.com` })
    expect((await placeFor(userId)).statusCode).toBe(201)
    await erase(userId)
    const late = await placeFor(userId)
    return late.statusCode === 201 ? { userId, id: late.json().id as string } : undefined
  }
  let slipped: Awaited<ReturnType<typeof slipThrough>>
  // On a slow machine the erasure may take longer than a customer is remembered.
  await waitUntil('one has slipped through', async () => (slipped = await slipThrough()) !== undefined)
  const { id, userId } = slipped ?? { id: '', userId: '' }
  await waitUntil('it is cancelled', async () => (await shop.read(id)).status === 'cancelled')
  expect(await rowsWith(mark)).toEqual([])
  await waitUntil('they are refused', async () => (await placeFor(userId)).json().code === 'user-unknown')
})
