import { newId, startService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { productCreated, productDeleted, productSnapshot, productUpdated } from '@feira/contracts/products'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { userCreated, userDeleted, userSnapshot, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { startShop, type Shop } from '../testing/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await startShop()
})
beforeEach(async () => {
  await shop.resources.query({ text: 'truncate customers, price_list, refills, refill_kinds' })
})
afterAll(() => shop[Symbol.asyncDispose]())

async function rowOf(table: 'customers' | 'price_list', id: string) {
  const key = table === 'customers' ? 'id' : 'product_id'
  const { rows } = await shop.resources.query({ text: `select * from ${table} where ${key} = $1`, values: [id] })
  return rows[0]
}

/** Every order in which things can be told. */
function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map(rest => [item, ...rest]))
}

const deletedAt = '2026-11-22T08:00:00.000Z'

describe('in whatever order messages come, the newest counts, and a deletion is final:', () => {
  test('of a product', async () => {
    const versions = permutations([1, 2, 3]).map(async order => {
      const productId = newId()
      const product = (version: number) => ({
        ...productCreated.example,
        productId,
        version,
        priceCents: version * 100,
      })
      for (const version of order) {
        await shop.deliver(version === 1 ? productCreated : productUpdated, product(version))
      }
      expect(await rowOf('price_list', productId)).toMatchObject({ version: 3, price_cents: '300', deleted_at: null })
    })
    const deletions = permutations(['created', 'deleted', 'snapshot']).map(async order => {
      const productId = newId()
      const product = { ...productCreated.example, productId }
      for (const what of order) {
        if (what === 'created') await shop.deliver(productCreated, product)
        else if (what === 'deleted') await shop.deliver(productDeleted, { productId, version: 2, deletedAt })
        else await shop.deliver(productSnapshot, { ...product, requestId: newId() })
      }
      expect((await rowOf('price_list', productId))?.['deleted_at'], order.join()).toEqual(new Date(deletedAt))
    })
    await Promise.all([...versions, ...deletions])
  })

  test('of a user, of whom then nothing stays but the id', async () => {
    const orders = permutations(['created', 'updated', 'deleted', 'snapshot']).map(async order => {
      const userId = newId()
      const user = { ...userCreated.example, userId }
      for (const what of order) {
        if (what === 'created') await shop.deliver(userCreated, user)
        else if (what === 'updated') await shop.deliver(userUpdated, { ...user, version: 2, name: 'Ana Lima' })
        else if (what === 'deleted') await shop.deliver(userDeleted, { userId, version: 3, deletedAt })
        else await shop.deliver(userSnapshot, { ...user, requestId: newId() })
      }
      const row = await rowOf('customers', userId)
      expect(row, order.join()).toMatchObject({ name: null, email: null, locale: null, deleted_at: expect.any(Date) })
    })
    await Promise.all(orders)
  })

  test('of many at once', async () => {
    const ids = Array.from({ length: 20 }, () => newId())
    const messages = ids.flatMap(userId => [1, 2, 3].map(version => ({ ...userCreated.example, userId, version })))
    await Promise.all(
      messages
        .toSorted(() => Math.random() - 0.5)
        .map(user => shop.deliver(userUpdated, { ...user, name: `Ana ${user.version}` })),
    )
    for (const id of ids) expect(await rowOf('customers', id)).toMatchObject({ version: 3, name: 'Ana 3' })
  })
})

interface Refill {
  readonly requestId: string
  readonly completedAt: string | null
  readonly kinds: { kind: string; expected: number | null; received: number }[]
}

const replicas = async () =>
  (await shop.send('GET', '/replicas')).json<{ users: number; products: number; lastRefill: Refill }>()
const requests = async () => (await shop.published(snapshotRequested)).map(({ requestId }) => requestId)
const refill = async () => (await shop.post('/replicas/refill')).json<{ requestId: string }>().requestId

const rowsFor = (requestId: string) => {
  const user = () => ({ ...userCreated.example, userId: newId(), requestId })
  const product = () => ({ ...productCreated.example, productId: newId(), requestId })
  return [
    () => shop.deliver(userSnapshot, user()),
    () => shop.deliver(userSnapshot, user()),
    () => shop.deliver(productSnapshot, product()),
    () => shop.deliver(snapshotCompleted, { requestId, owner: 'users', kind: 'user', count: 2 }),
    () => shop.deliver(snapshotCompleted, { requestId, owner: 'products', kind: 'product', count: 1 }),
  ]
}

describe('what was lost', () => {
  test('is asked for by an admin, and is complete when every row of every kind is there', async () => {
    const requestId = await refill()
    const [request] = (await shop.published(snapshotRequested)).slice(-1)
    expect(request).toEqual({ requestId, kinds: ['user', 'product'], replyQueue: 'orders.on-snapshot' })
    const told: Refill['kinds'][] = []
    for (const answer of rowsFor(requestId).toReversed()) {
      expect((await replicas()).lastRefill).toMatchObject({ requestId, completedAt: null })
      await answer()
      told.push((await replicas()).lastRefill.kinds)
    }
    expect(told[1]).toContainEqual({ kind: 'user', expected: 2, received: 0 })
    const { users, products, lastRefill } = await replicas()
    expect({ users, products }).toEqual({ users: 2, products: 1 })
    expect(lastRefill).toMatchObject({ requestId, completedAt: expect.any(String) })
  })

  test('is complete whatever comes first, and when all comes at once', async () => {
    for (let round = 0; round < 5; round++) {
      const requestId = await refill()
      const answers = rowsFor(requestId).toSorted(() => Math.random() - 0.5)
      await Promise.all(answers.map(answer => answer()))
      expect((await replicas()).lastRefill).toMatchObject({ requestId, completedAt: expect.any(String) })
    }
  })

  test('counts a row once, however often it comes', async () => {
    const requestId = await refill()
    const user = { ...userCreated.example, userId: newId(), requestId }
    const messageId = await shop.deliver(userSnapshot, user)
    await shop.deliver(userSnapshot, user, { messageId })
    expect((await replicas()).lastRefill.kinds).toContainEqual({ kind: 'user', expected: null, received: 1 })
  })

  test('brings the SKU of a product that release 0.1 noted without it', async () => {
    const product = await shop.product({ version: 3, sku: 'CHA-100' })
    await shop.resources.query({ text: 'update price_list set sku = null' })
    await shop.deliver(productSnapshot, { ...product, version: 2, sku: 'OLD', requestId: newId() })
    expect(await rowOf('price_list', product.productId)).toMatchObject({ version: 3, sku: null })
    await shop.deliver(productSnapshot, { ...product, requestId: newId() })
    expect(await rowOf('price_list', product.productId)).toMatchObject({ version: 3, sku: 'CHA-100' })
    await shop.deliver(productSnapshot, { ...product, sku: 'NOT-NEWER', requestId: newId() })
    expect(await rowOf('price_list', product.productId)).toMatchObject({ version: 3, sku: 'CHA-100' })
  })

  test('does not undo what is newer', async () => {
    const product = await shop.product({ version: 5, priceCents: 500 })
    await shop.deliver(productSnapshot, { ...product, version: 4, priceCents: 400, requestId: newId() })
    expect(await rowOf('price_list', product.productId)).toMatchObject({ version: 5, price_cents: '500' })
  })

  test('may be asked for again while answers are missing', async () => {
    const [first, second] = [await refill(), await refill()]
    expect(first).not.toBe(second)
    expect(await requests()).toEqual(expect.arrayContaining([first, second]))
    for (const answer of rowsFor(first)) await answer()
    expect(await replicas()).toMatchObject({ users: 2, lastRefill: { requestId: second, completedAt: null } })
  })
})

describe('when a service starts', () => {
  const start = async () => startService(service, { ...shop.env, PORT: '0' })
  const open = async () => {
    const { rows } = await shop.resources.query<{ request_id: string; attempt: number }>({
      text: 'select request_id, attempt from refills where completed_at is null and replaced_at is null',
    })
    return rows
  }

  test('with an empty replica, it asks; two that start together ask once', async () => {
    await shop.user()
    const before = await requests()
    const others = await Promise.all([start(), start(), start()])
    await waitUntil('one has asked', async () => (await open()).length === 1)
    await Promise.all(others.map(other => other.stop()))
    expect((await requests()).filter(id => !before.includes(id))).toEqual((await open()).map(row => row.request_id))
  })

  test('with replicas that hold something, it does not ask', async () => {
    await shop.user()
    await shop.product()
    const before = await requests()
    await (await start()).stop()
    expect(await requests()).toEqual(before)
  })

  test('with one empty replica, it asks for that kind alone', async () => {
    await shop.user()
    const other = await start()
    await waitUntil('it has asked', async () => (await open()).length === 1)
    await other.stop()
    expect((await shop.published(snapshotRequested)).at(-1)?.kinds).toEqual(['product'])
  })

  test('with products that release 0.1 noted without their SKU, it asks for products, and once', async () => {
    await shop.user()
    const { productId } = await shop.product()
    await shop.product()
    await shop.resources.query({ text: 'update price_list set sku = null where product_id = $1', values: [productId] })
    const before = await requests()
    await (await start()).stop()
    await waitUntil('it has asked', async () => (await open()).length === 1)
    const [{ requestId, kinds } = { requestId: '', kinds: [] }] = (await shop.published(snapshotRequested)).slice(-1)
    expect(kinds).toEqual(['product'])
    await shop.deliver(snapshotCompleted, { requestId, owner: 'products', kind: 'product', count: 0 })
    await (await start()).stop()
    expect(await requests()).toEqual([...before, requestId])
  })

  test('and some answers are overdue, it asks again for what is missing', async () => {
    const requestId = await refill()
    for (const answer of rowsFor(requestId).slice(0, 4)) await answer()
    await shop.resources.query({ text: `update refills set requested_at = now() - interval '31 s'` })
    const other = await start()
    await waitUntil('it has asked again', async () => (await open())[0]?.attempt === 2)
    await other.stop()
    const [request] = (await shop.published(snapshotRequested)).slice(-1)
    expect(request).toMatchObject({ requestId: (await open())[0]?.request_id, kinds: ['product'] })
  })

  test('and answers are overdue, it asks again', async () => {
    const requestId = await refill()
    await shop.resources.query({ text: `update refills set requested_at = now() - interval '29 s'` })
    await (await start()).stop()
    expect(await open()).toEqual([{ request_id: requestId, attempt: 1 }])
    await shop.resources.query({ text: `update refills set requested_at = now() - interval '31 s'` })
    const other = await start()
    await waitUntil('it has asked again', async () => (await open())[0]?.attempt === 2)
    await other.stop()
    expect((await open())[0]?.request_id).not.toBe(requestId)
  })
})
