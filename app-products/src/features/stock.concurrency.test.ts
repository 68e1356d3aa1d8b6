import { newId, startService, type RunningService } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { orderShipped } from '@feira/contracts/orders'
import { productUnavailable, stockChanged, stockRelease, stockReserve, stockReserved } from '@feira/contracts/products'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { lockReservations } from '../reservation-writing.ts'
import { service } from '../service.ts'
import { deliveries, discrepancies, openShop, type Product, type Sent, type Shop } from '../testing/shop.ts'

// Everything here runs on two replicas with one database and one set of queues.
let shop: Shop
let replica: RunningService

beforeAll(async () => {
  shop = await openShop()
  replica = await startService(service, { ...shop.env, PORT: '0' })
  await waitUntil('the replica is ready', async () => (await replica.http.inject('/ready')).statusCode === 200)
})
beforeEach(() => shop.clear())
afterAll(async () => {
  await replica.stop()
  await shop[Symbol.asyncDispose]()
})

const reserve = (orderId: string, ...items: [productId: string, quantity: number][]): Sent => ({
  message: stockReserve,
  data: { orderId, items: items.map(([productId, quantity]) => ({ productId, quantity })) },
})
const release = (orderId: string): Sent => ({ message: stockRelease, data: { orderId } })
const ship = (orderId: string, productId: string): Sent => ({
  message: orderShipped,
  data: { ...orderShipped.example, orderId, items: [{ productId, name: 'Café', quantity: 1, unitPriceCents: 1 }] },
})

async function send(messages: readonly Sent[]): Promise<void> {
  const before = (await deliveries(shop)) + (await deliveries(replica))
  await shop.burst(messages)
  await shop.settled(before + messages.length, replica)
}

/** What no interleaving may break. */
async function expectSoundBooks(): Promise<void> {
  expect(await discrepancies(shop)).toEqual([])
  expect(await shop.sql('select * from chassis.dead_letters')).toEqual([])
  const changes = await shop.published(stockChanged)
  const stored = await shop.sql<{ id: string; version: number; available: string; reserved: string }>(
    'select id, stock_version as version, available, reserved from products',
  )
  for (const { id, version, available, reserved } of stored) {
    const own = changes.filter(({ productId }) => productId === id).toSorted((a, b) => a.version - b.version)
    expect(own.map(change => change.version)).toEqual(Array.from({ length: version }, (_, index) => index + 1))
    expect(own.at(-1)).toMatchObject({ available: Number(available), reserved: Number(reserved) })
  }
}

test('of 50 orders at once for the last 10 pieces exactly 10 win', async () => {
  const [before, replicaBefore] = [await deliveries(shop), await deliveries(replica)]
  const { id } = await shop.create({ stock: 10 })
  await send(Array.from({ length: 50 }, () => reserve(newId(), [id, 1])))
  expect(await shop.published(stockReserved)).toHaveLength(10)
  expect(await shop.published(productUnavailable)).toHaveLength(40)
  expect(await shop.read(id)).toMatchObject({ stock: 0, reserved: 10 })
  await expectSoundBooks()
  // Not void: both took part.
  expect((await deliveries(shop)) - before).toBeGreaterThan(0)
  expect((await deliveries(replica)) - replicaBefore).toBeGreaterThan(0)
})

test('orders that want the same products in opposite order all get them, and all give them back', async () => {
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => shop.create({ stock: 1_000 }))) as [Product, Product, Product] // prettier-ignore
  const orders = Array.from({ length: 200 }, () => newId())
  await send(
    orders.map((orderId, index) => {
      const items: [string, number][] = [a, b, c].map(({ id }) => [id, 1])
      return reserve(orderId, ...(index % 2 === 0 ? items : items.toReversed()))
    }),
  )
  // Releases, shippings and repetitions of the same orders together.
  await send(
    orders.flatMap((orderId, index) => [
      index % 3 === 0 ? ship(orderId, a.id) : release(orderId),
      reserve(orderId, [c.id, 1]),
      release(orders[199 - index] ?? orderId),
    ]),
  )
  await expectSoundBooks()
  for (const { id } of [a, b, c]) expect(await shop.read(id)).toMatchObject({ stock: 1_000, reserved: 0 })
})

/** Waits until a statement waits for a row that somebody else holds. */
const somebodyWaits = () =>
  waitUntil('a statement waits for a lock', async () => {
    const waiting = await shop.sql(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return waiting.length > 0
  })

test('products are locked in the order of their ids, whatever an order says', async () => {
  const [low, middle, high] = [await shop.create(), await shop.create(), await shop.create()]
  const heldUp = await shop.resources.transact(async tx => {
    await tx.query({ text: 'select from products where id = $1 for update', values: [middle.id] })
    const order = { orderId: newId(), items: [high, middle, low].map(({ id }) => ({ productId: id, quantity: 1 })) }
    const delivered = shop.deliver(stockReserve, order)
    await somebodyWaits()
    const free = await shop.sql('select id from products for update skip locked')
    expect(free).toEqual([{ id: high.id }])
    return { delivered }
  })
  await heldUp.delivered
  expect(await shop.published(stockReserved)).toHaveLength(1)
})

test('orders are locked in the order of their ids, whatever order they are given in', async () => {
  const { transact } = shop.resources
  const [low, middle, high] = [newId(), newId(), newId()]
  const lock = (ids: string[]) => transact(tx => lockReservations(tx, ids, 'released', new Date()))
  await lock([low, middle, high])
  const heldUp = await transact(async tx => {
    await tx.query({ text: 'select from reservations where order_id = $1 for update', values: [middle] })
    const locked = lock([high, middle, low])
    await somebodyWaits()
    const free = await shop.sql('select order_id from reservations for update skip locked')
    expect(free).toEqual([{ order_id: high }])
    return { locked }
  })
  expect((await heldUp.locked).size).toBe(3)
})

interface Play {
  readonly order: number
  readonly what: 'reserve' | 'release' | 'ship'
  readonly items: readonly { readonly product: number; readonly quantity: number }[]
  readonly copies: number
  readonly sameId: boolean
}

const play: fc.Arbitrary<Play> = fc.record({
  order: fc.nat(15),
  what: fc.constantFrom('reserve', 'reserve', 'release', 'ship' as const),
  items: fc.array(fc.record({ product: fc.nat(2), quantity: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  copies: fc.integer({ min: 1, max: 3 }),
  sameId: fc.boolean(),
})
const change = fc.oneof(
  fc.record({ product: fc.nat(2), adjustment: fc.integer({ min: -5, max: 5 }).filter(by => by !== 0) }),
  fc.record({ product: fc.nat(2), stock: fc.nat(8) }),
)

/** Messages as a broken network would bring them: repeated, under the same or another id, and not in order. */
function toMessages(plays: readonly Play[], orders: readonly string[], products: readonly Product[]): Sent[] {
  const idOf = (product: number) => products[product]?.id ?? ''
  return plays.flatMap(({ order, what, items, copies, sameId }) => {
    const orderId = orders[order] ?? ''
    const made = {
      reserve: () =>
        reserve(orderId, ...items.map(({ product, quantity }): [string, number] => [idOf(product), quantity])),
      release: () => release(orderId),
      ship: () => ship(orderId, idOf(0)),
    }[what]()
    const id = newId()
    return Array.from({ length: copies }, () => (sameId ? { ...made, id } : made))
  })
}

test('whatever arrives, however often and in whatever order, the books are right', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(play, { minLength: 20, maxLength: 80 }),
      fc.array(change, { maxLength: 20 }),
      async (plays, changes) => {
        await shop.clear()
        const products = await Promise.all([0, 5, 20].map(stock => shop.create({ stock })))
        const orders = Array.from({ length: 16 }, () => newId())
        const messages = toMessages(plays, orders, products)
        const [, answers] = await Promise.all([
          send(messages),
          Promise.all(
            changes.map(({ product, ...body }) => {
              const url = `/products/${products[product]?.id}`
              const adjusts = 'adjustment' in body
              return shop.admin(adjusts ? 'POST' : 'PATCH', adjusts ? `${url}/stock` : url, adjusts ? { ...body, reason: 'counted' } : body) // prettier-ignore
            }),
          ),
        ])
        expect(answers.filter(({ statusCode }) => statusCode !== 200 && statusCode !== 409)).toEqual([])
        await expectSoundBooks()
        const answered = [...(await shop.published(stockReserved)), ...(await shop.published(productUnavailable))]
        const told = answered.map(({ orderId }) => orderId)
        expect(new Set(told).size).toBe(told.length)
        const released = new Set(plays.filter(({ what }) => what === 'release').map(({ order }) => orders[order] ?? ''))
        const held = await shop.sql<{ order_id: string }>(
          `select order_id from reservations where state in ('reserved', 'sold')`,
        )
        expect(held.filter(({ order_id }) => released.has(order_id))).toEqual([])
      },
    ),
    { numRuns: 12 },
  )
})
