import { newId } from '@feira/chassis'
import { asAdmin, asUser } from '@feira/chassis/testing'
import { orderRefunded } from '@feira/contracts/orders'
import { productDeleted } from '@feira/contracts/products'
import { snapshotRequested } from '@feira/contracts/snapshots'
import { userDeleted } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openModel, type OpenModel } from '../testing/model.ts'
import { answersTo } from '../testing/owners.ts'
import { orderStory, tell, type Story } from '../testing/stories.ts'

let model: OpenModel

beforeAll(async () => {
  model = await openModel()
})
beforeEach(async () => {
  const tables = ['invoices', 'notifications', 'orders', 'products', 'stocks', 'users'].map(name => `model.${name}`)
  await model.sql(`truncate ${tables.join(', ')}`)
})
afterAll(() => model[Symbol.asyncDispose]())

const post = (headers: Record<string, string> = {}) =>
  model.http.inject({ method: 'POST', url: '/q/rebuild', headers: { ...asAdmin(), ...headers } })
const progress = async () => (await model.http.inject({ url: '/q/rebuild', headers: { ...asAdmin() } })).json()

async function start(): Promise<string> {
  const answer = await post()
  expect(answer.statusCode).toBe(202)
  return answer.json().requestId
}

async function complete(requestId: string, stories: readonly Story[]): Promise<void> {
  await model.told(...answersTo(requestId, stories))
  await model.completed()
}

test('a rebuild asks every owner, tells how far it has come, and ends with what they sent', async () => {
  const stories = [await model.story(), await model.story()]
  const before = await model.contents()
  const lost = orderStory()
  await model.sql(`update model.orders set status = 'pending', total_cents = 1`)
  await model.sql('delete from model.invoices')
  await model.told(...lost.messages)

  const answer = await post()
  expect(answer.statusCode).toBe(202)
  expect(answer.headers.location).toBe('/q/rebuild')
  const { requestId } = answer.json()
  const replyQueue = 'queries.on-snapshot'
  const kinds = ['user', 'product', 'order', 'invoice', 'notification']
  expect((await model.published(snapshotRequested)).at(-1)).toEqual({ requestId, kinds, replyQueue })
  const [rows, completions] = [answersTo(requestId, stories).slice(0, -5), answersTo(requestId, stories).slice(-5)]
  await model.told(...completions.slice(1), ...rows.slice(0, 3))
  await model.watch()
  expect(await progress()).toMatchObject({
    state: 'running',
    requestId,
    finishedAt: null,
    kinds: [
      { kind: 'user', owner: 'users', expected: null, received: 1 },
      { kind: 'product', owner: 'products', expected: 2, received: 1 },
      { kind: 'order', owner: 'orders', expected: 2, received: 1 },
      { kind: 'invoice', owner: 'invoices', expected: 2, received: 0 },
      { kind: 'notification', owner: 'notifications', expected: 2, received: 0 },
    ],
  })
  expect((await model.contents())['orders']).toHaveLength(3)

  await model.told(...completions.slice(0, 1), ...rows.slice(3))
  await model.completed()
  expect(await model.contents()).toEqual(before)
  const { finishedAt, startedAt, durationMs, reason } = await progress()
  // The times are shown without their microseconds.
  expect(Math.abs(Date.parse(finishedAt) - Date.parse(startedAt) - durationMs)).toBeLessThanOrEqual(1)
  expect(reason).toBeNull()
})

test('what happens meanwhile is in both models, whichever came first', async () => {
  const [changed, fresh] = [await model.story(), orderStory()]
  const { orderId, userId, items } = changed
  const requestId = await start()
  const refund = { ...orderRefunded.example, orderId, userId, items: [...items], version: 6 }
  await model.told(tell(orderRefunded, refund), ...fresh.messages)
  const live = await model.contents()
  expect(live['orders']).toHaveLength(2)
  await complete(requestId, [changed])
  expect(await model.contents()).toEqual(live)
})

test('what was deleted stays deleted, though its owner may still have sent it', async () => {
  const [before, during] = [await model.story(), await model.story()]
  const remove = ({ productId, userId }: Story) =>
    model.told(
      tell(productDeleted, { ...productDeleted.example, productId }),
      tell(userDeleted, { ...userDeleted.example, userId }),
    )
  await remove(before)
  const requestId = await start()
  await remove(during)
  const live = await model.contents()
  await complete(requestId, [before, during])
  expect(await model.contents()).toEqual(live)
  const { products, users } = live
  for (const row of [...(products ?? []), ...(users ?? [])])
    expect(row).toMatchObject({ name: null, version: 3, deleted_at: expect.any(String) })
})

test('tables, columns, indexes and constraints are afterwards what they were, and so after another one', async () => {
  const shape = async () => ({
    columns: await model.sql(
      `select table_name, column_name, ordinal_position, data_type, is_nullable, column_default
       from information_schema.columns where table_schema = 'model' order by 1, 3`,
    ),
    indexes: await model.sql(
      `select tablename, indexname, indexdef from pg_indexes where schemaname = 'model' order by 2`,
    ),
    constraints: await model.sql(
      `select conrelid::regclass::text as table, conname, contype, pg_get_constraintdef(oid) from pg_constraint
       where connamespace = 'model'::regnamespace order by 1, 2`,
    ),
    privileges: await model.sql(
      `select relname, relowner::regrole::text from pg_class where relnamespace = 'model'::regnamespace order by 1`,
    ),
  })
  const before = await shape()
  expect(before.indexes.length).toBeGreaterThan(12)
  for (const stories of [[orderStory()], [orderStory(), orderStory()]]) {
    await complete(await start(), stories)
    expect(await shape()).toEqual(before)
    expect((await model.contents())['orders']).toHaveLength(stories.length)
  }
  const schemas = await model.sql(`select nspname from pg_namespace where nspname = 'model_next'`)
  expect(schemas).toEqual([])
})

test('what was cached before it is read again after it', async () => {
  const story = await model.story()
  const paths = [`/q/orders/${story.orderId}`, '/q/orders', '/q/products', '/q/users']
  const states = () =>
    Promise.all(
      paths.map(async url => (await model.http.inject({ url, headers: { ...asAdmin() } })).headers['x-cache']),
    )
  await states()
  expect(await states()).toEqual(paths.map(() => 'HIT'))
  await complete(await start(), [story])
  expect(await states()).toEqual(paths.map(() => 'MISS'))
})

test('answers to a rebuild that is over change nothing', async () => {
  const requestId = await start()
  await complete(requestId, [])
  await model.told(...answersTo(requestId, [orderStory()]))
  expect((await model.contents())['orders']).toEqual([])
  const next = await start()
  await model.told(...answersTo(requestId, [orderStory()]))
  expect((await progress()).kinds).toContainEqual({ kind: 'order', owner: 'orders', expected: null, received: 0 })
  await complete(next, [])
})

describe('a rebuild', () => {
  test('is refused while one runs', async () => {
    const requestId = await start()
    const answer = await post()
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'rebuild-running' })
    await complete(requestId, [])
  })

  test('is started once by a request that is repeated, and by one of several at the same time', async () => {
    const key = { 'idempotency-key': newId() }
    const [first, second] = [await post(key), await post(key)]
    expect([first.statusCode, second.statusCode]).toEqual([202, 202])
    expect(second.json()).toEqual(first.json())
    await complete(first.json().requestId, [])
    const statuses = (await Promise.all([post(), post(), post()])).map(({ statusCode }) => statusCode)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([202, 409, 409])
    await complete((await progress()).requestId, [])
  })

  test('counts although the one before was made by a replica whose clock is ahead', async () => {
    const ahead = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
    await complete(await start(), [])
    await model.sql(`update rebuilds set request_id = $1 where request_id = $2`, ahead, (await progress()).requestId)
    const requestId = await start()
    expect(await progress()).toMatchObject({ state: 'running', requestId })
    expect((await post()).statusCode).toBe(409)
    await complete(requestId, [])
    expect(await progress()).toMatchObject({ state: 'completed', requestId })
  })

  test('is for admins', async () => {
    for (const method of ['GET', 'POST'] as const) {
      const request = { method, url: '/q/rebuild' }
      expect((await model.http.inject(request)).statusCode).toBe(401)
      expect((await model.http.inject({ ...request, headers: { ...asUser(newId()) } })).statusCode).toBe(403)
    }
  })

  test('takes nothing in its body', async () => {
    const request = {
      method: 'POST',
      url: '/q/rebuild',
      headers: { ...asAdmin() },
      payload: { kinds: ['user'] },
    } as const
    expect((await model.http.inject(request)).statusCode).toBe(400)
  })
})
