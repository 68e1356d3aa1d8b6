import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { productUnavailable, stockChanged, stockRelease, stockReserve, stockReserved } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deliveries, discrepancies, openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product
let tea: Product

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  await shop.clear()
  coffee = await shop.create({ stock: 10 })
  tea = await shop.create({ stock: 3 })
  await shop.sql('truncate chassis.outbox')
})
afterAll(() => shop[Symbol.asyncDispose]())

const order = (...items: [product: { readonly id: string }, quantity: number][]) => ({
  orderId: newId(),
  items: items.map(([{ id: productId }, quantity]) => ({ productId, quantity })),
})
const stock = async () => {
  const levels = await Promise.all([coffee, tea].map(({ id }) => shop.read(id)))
  return levels.map(({ stock, reserved }) => [stock, reserved])
}

describe('an order', () => {
  test('gets all its items set aside, and an answer', async () => {
    const wish = order([coffee, 2], [tea, 3])
    const before = Date.now()
    await shop.deliver(stockReserve, wish)
    expect(await stock()).toEqual([
      [8, 2],
      [0, 3],
    ])
    const [answer, ...more] = await shop.published(stockReserved)
    expect(more).toEqual([])
    expect(answer).toEqual({ ...wish, reservedAt: expect.any(String) })
    expect(Date.parse(answer?.reservedAt ?? '')).toBeGreaterThanOrEqual(before)
    expect(await shop.published(productUnavailable)).toEqual([])
  })

  test('gets nothing when one item is lacking, and is told which, and how much there is', async () => {
    const wish = order([coffee, 2], [tea, 4])
    await shop.deliver(stockReserve, wish)
    expect(await stock()).toEqual([
      [10, 0],
      [3, 0],
    ])
    expect(await shop.published(productUnavailable)).toEqual([
      { orderId: wish.orderId, items: [{ productId: tea.id, quantity: 4, available: 3 }] },
    ])
    expect(await shop.published(stockReserved)).toEqual([])
    expect(await shop.published(stockChanged)).toEqual([])
  })

  test('that names a product on several lines wants their sum', async () => {
    const [fits, exceeds] = [order([tea, 1], [coffee, 1], [tea, 2]), order([coffee, 5], [coffee, 5])]
    await shop.deliver(stockReserve, fits)
    await shop.deliver(stockReserve, exceeds)
    expect((await shop.published(stockReserved)).map(({ items }) => items)).toEqual([
      [
        { productId: tea.id, quantity: 3 },
        { productId: coffee.id, quantity: 1 },
      ],
    ])
    expect(await shop.published(productUnavailable)).toEqual([
      { orderId: exceeds.orderId, items: [{ productId: coffee.id, quantity: 10, available: 9 }] },
    ])
  })

  test('of what is unknown, deleted or beyond counting gets nothing', async () => {
    const gone = await shop.create({ stock: 5 })
    await shop.admin('DELETE', `/products/${gone.id}`)
    const unknown = { id: newId() }
    await shop.deliver(stockReserve, order([coffee, 1], [gone, 1], [unknown, 2]))
    await shop.deliver(stockReserve, order([coffee, Number.MAX_SAFE_INTEGER], [coffee, Number.MAX_SAFE_INTEGER]))
    expect((await shop.published(productUnavailable)).map(({ items }) => items)).toEqual([
      [
        { productId: gone.id, quantity: 1, available: 0 },
        { productId: unknown.id, quantity: 2, available: 0 },
      ],
      [{ productId: coffee.id, quantity: Number.MAX_SAFE_INTEGER, available: 10 }],
    ])
    expect(await stock()).toEqual([
      [10, 0],
      [3, 0],
    ])
  })

  test('that writes ids in capitals means the same', async () => {
    const { orderId, items } = order([coffee, 2])
    const productId = coffee.id.toUpperCase()
    await shop.deliver(stockReserve, { orderId: orderId.toUpperCase(), items: [{ productId, quantity: 2 }] })
    await shop.deliver(stockReserve, { orderId, items })
    expect(await shop.published(stockReserved)).toMatchObject([{ orderId, items }])
    expect(await stock()).toEqual([
      [8, 2],
      [3, 0],
    ])
  })
})

describe('an order is answered once', () => {
  test.each([
    ['reserved', 2],
    ['refused', 20],
  ])('when it was %s', async (_state, quantity) => {
    const wish = order([coffee, quantity])
    const messageId = newId()
    const before = await deliveries(shop)
    for (const options of [{ messageId }, { messageId }, {}]) await shop.deliver(stockReserve, wish, options)
    // Another wish of the same order is no other order.
    await shop.deliver(stockReserve, { ...wish, items: [{ productId: tea.id, quantity: 1 }] })
    await shop.settled(before + 4)
    const answers = [...(await shop.published(stockReserved)), ...(await shop.published(productUnavailable))]
    expect(answers.map(({ orderId }) => orderId)).toEqual([wish.orderId])
    expect((await stock())[1]).toEqual([3, 0])
    expect(await discrepancies(shop)).toEqual([])
  })

  test('when a burst repeats it', async () => {
    const wishes = Array.from({ length: 5 }, () => order([coffee, 1]))
    const sent = [...wishes, ...wishes, ...wishes].map(data => ({ message: stockReserve, data }))
    const before = await deliveries(shop)
    await shop.burst(sent)
    await shop.settled(before + sent.length)
    const answered = await shop.published(stockReserved)
    expect(answered.map(({ orderId }) => orderId).toSorted()).toEqual(wishes.map(({ orderId }) => orderId).toSorted())
    expect((await stock())[0]).toEqual([5, 5])
  })

  test('never when its release came first', async () => {
    const wish = order([coffee, 2])
    await shop.deliver(stockRelease, { orderId: wish.orderId })
    await shop.deliver(stockReserve, wish)
    expect(await shop.published(stockReserved)).toEqual([])
    expect(await shop.published(productUnavailable)).toEqual([])
    expect((await stock())[0]).toEqual([10, 0])
  })
})

describe('what is published', () => {
  test('names the order that led to it and goes on with its trace', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
    const options = { correlationId: 'conversation-1', headers }
    const causes = [
      await shop.deliver(stockReserve, order([coffee, 1]), options),
      await shop.deliver(stockReserve, order([coffee, 100]), options),
    ]
    const rows = await shop.sql<{ type: string; headers: Record<string, string> }>(
      'select type, headers from chassis.outbox order by id',
    )
    expect(rows.map(({ type, headers }) => [type, headers['caused-by'], headers['correlation-id']])).toEqual([
      ['stock.reserved', causes[0], 'conversation-1'],
      ['stock.changed', causes[0], 'conversation-1'],
      ['product.unavailable', causes[1], 'conversation-1'],
    ])
    expect(rows.every(({ headers }) => headers['traceparent']?.includes(traceId))).toBe(true)
  })

  test('tells the stock as it is then, under a version of its own', async () => {
    await shop.deliver(stockReserve, order([coffee, 2], [tea, 1]))
    await shop.deliver(stockReserve, order([coffee, 3]))
    const changed = await shop.published(stockChanged)
    expect(changed.filter(({ productId }) => productId === coffee.id)).toEqual([
      { productId: coffee.id, version: 2, available: 8, reserved: 2 },
      { productId: coffee.id, version: 3, available: 5, reserved: 5 },
    ])
    expect(changed.filter(({ productId }) => productId === tea.id)).toEqual([
      { productId: tea.id, version: 2, available: 2, reserved: 1 },
    ])
    const read = await shop.http.inject(`/products/${coffee.id}`)
    expect(read.json()).toMatchObject({ version: 1, stockVersion: 3 })
    expect(read.headers.etag).toBe('"3"')
  })
})

test('the ledger names the order', async () => {
  const wish = order([coffee, 4])
  await shop.deliver(stockReserve, wish)
  const { items } = (await shop.admin('GET', `/products/${coffee.id}/movements`)).json()
  expect(items[0]).toMatchObject({ kind: 'reservation', stock: -4, reserved: 4, orderId: wish.orderId, reason: null })
})

test('readers see the new stock at once, though they were served from the cache before', async () => {
  const urls = [`/products/${coffee.id}`, '/products']
  for (const url of [...urls, ...urls]) await shop.http.inject(url)
  expect((await shop.http.inject(urls[0] ?? '')).headers['x-cache']).toBe('HIT')
  await shop.deliver(stockReserve, order([coffee, 4]))
  expect((await shop.read(coffee.id)).stock).toBe(6)
  const { items } = (await shop.http.inject('/products')).json()
  expect(items.find(({ id }: Product) => id === coffee.id)).toMatchObject({ stock: 6, reserved: 4 })
})

const letters = () => shop.sql('select aggregate_id, error, attempts from chassis.dead_letters')

test('one order that cannot be handled costs the others of its batch nothing', async () => {
  await shop.sql(`create function fail() returns trigger language plpgsql as $$
    begin if new.reserved = 7 then raise exception 'devilish'; end if; return new; end $$`)
  await shop.sql('create trigger fail before insert on movements for each row execute function fail()')
  try {
    const devilish = order([coffee, 7])
    const before = await deliveries(shop)
    await shop.burst([order([coffee, 1]), devilish, order([tea, 1])].map(data => ({ message: stockReserve, data })))
    await shop.settled(before + 3)
    await waitUntil('it is parked', async () => (await letters()).length === 1)
    expect(await letters()).toMatchObject([{ aggregate_id: devilish.orderId, error: 'devilish', attempts: 3 }])
    expect(await stock()).toEqual([
      [9, 1],
      [2, 1],
    ])
    expect(await discrepancies(shop)).toEqual([])
  } finally {
    await shop.sql('drop function fail cascade')
  }
})

test('the database itself refuses a stock below zero', async () => {
  for (const column of ['available', 'reserved'])
    await expect(shop.sql(`update products set ${column} = -1 where id = $1`, coffee.id)).rejects.toMatchObject({
      code: '23514',
    })
})
