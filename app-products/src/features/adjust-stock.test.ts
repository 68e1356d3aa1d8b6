import { newId } from '@feira/chassis'
import { stockChanged, stockReserve } from '@feira/contracts/products'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { discrepancies, openShop, type Product, type Shop } from '../testing/shop.ts'

let shop: Shop
let coffee: Product

beforeAll(async () => {
  shop = await openShop()
})
beforeEach(async () => {
  await shop.clear()
  coffee = await shop.create({ stock: 10 })
})
afterAll(() => shop[Symbol.asyncDispose]())

const adjust = (body: object, headers: Record<string, string> = {}, id = coffee.id) =>
  shop.admin('POST', `/products/${id}/stock`, body, headers)
const ledger = async (query = '') => (await shop.admin('GET', `/products/${coffee.id}/movements${query}`)).json()

test.each([
  [5, 15],
  [-10, 0],
  [999_999_990, 1_000_000_000],
])('an adjustment of %d leaves %d', async (adjustment, stock) => {
  const answer = await adjust({ adjustment, reason: ' counted ' })
  expect(answer.statusCode, answer.body).toBe(200)
  expect(answer.json()).toEqual({ ...coffee, stock, stockVersion: 2 })
  expect(answer.headers.etag).toBe('"2"')
  expect((await ledger()).items[0]).toEqual({
    id: expect.any(String),
    kind: 'adjustment',
    stock: adjustment,
    reserved: 0,
    orderId: null,
    reason: 'counted',
    at: expect.stringMatching(/Z$/),
  })
  expect((await shop.published(stockChanged)).at(-1)).toEqual({
    productId: coffee.id,
    version: 2,
    available: stock,
    reserved: 0,
  })
})

describe('is refused', () => {
  test('when less than nothing would be available, though enough is set aside', async () => {
    await shop.deliver(stockReserve, { orderId: newId(), items: [{ productId: coffee.id, quantity: 4 }] })
    const answer = await adjust({ adjustment: -7, reason: 'lost' })
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'insufficient-stock', detail: 'There are only 6 available.' })
    expect(await shop.read(coffee.id)).toMatchObject({ stock: 6, reserved: 4 })
    expect((await ledger()).items).toHaveLength(2)
  })

  test('when there would be more than fits', async () => {
    expect((await adjust({ adjustment: 999_999_991, reason: 'found' })).json()).toMatchObject({
      status: 409,
      code: 'stock-too-large',
    })
  })

  test('when it is about a state that is gone', async () => {
    expect((await adjust({ adjustment: 1, reason: 'found' }, { 'if-match': '"2"' })).statusCode).toBe(412)
  })

  test.each<[string, object, string]>([
    ['0', { adjustment: 0 }, 'adjustment'],
    ['half a piece', { adjustment: 1.5 }, 'adjustment'],
    ['too many pieces', { adjustment: 10_000_000_000 }, 'adjustment'],
    ['too few pieces', { adjustment: -10_000_000_000 }, 'adjustment'],
    ['words', { adjustment: '5' }, 'adjustment'],
    ['no adjustment', { adjustment: undefined }, 'adjustment'],
    ['no reason', { reason: undefined }, 'reason'],
    ['an empty reason', { reason: ' ' }, 'reason'],
    ['a long reason', { reason: 'x'.repeat(201) }, 'reason'],
    ['an unknown field', { stock: 5 }, 'stock'],
  ])('with %s', async (_what, fields, field) => {
    const answer = await adjust({ adjustment: 1, reason: 'found', ...fields })
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'body', field }] })
    expect(await shop.read(coffee.id)).toEqual(coffee)
  })

  test('of an unknown product and a malformed id', async () => {
    const body = { adjustment: 1, reason: 'found' }
    expect((await adjust(body, {}, newId())).json()).toMatchObject({ status: 404, code: 'product-not-found' })
    expect((await adjust(body, {}, '42')).json()).toMatchObject({ status: 400, errors: [{ in: 'path', field: 'id' }] })
  })
})

test('an Idempotency-Key makes a repetition count once, and only for this product', async () => {
  const [key, body] = [{ 'idempotency-key': newId() }, { adjustment: 3, reason: 'found' }]
  const answers = [await adjust(body, key), await adjust(body, key)]
  expect(answers.map(answer => answer.json().stock)).toEqual([13, 13])
  expect(answers[1]?.headers['idempotency-replayed']).toBe('true')
  const tea = await shop.create()
  expect((await adjust(body, key, tea.id)).json()).toMatchObject({ code: 'idempotency-mismatch' })
  expect((await shop.read(tea.id)).stock).toBe(10)
})

test('of 30 at once that each take one, as many succeed as there are pieces', async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => adjust({ adjustment: -1, reason: 'sold here' })))
  const statuses = answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)
  expect(statuses).toEqual([...Array(10).fill(200), ...Array(20).fill(409)])
  expect(await shop.read(coffee.id)).toMatchObject({ stock: 0, stockVersion: 11 })
  expect(await discrepancies(shop)).toEqual([])
})

describe('the ledger', () => {
  test('is read newest first, page by page', async () => {
    for (const adjustment of [1, 2, 3]) await adjust({ adjustment, reason: 'found' })
    const first = await ledger('?limit=3')
    expect(first.items.map(({ stock }: { stock: number }) => stock)).toEqual([3, 2, 1])
    const second = await ledger(`?limit=3&cursor=${first.nextCursor}`)
    expect(second.items).toMatchObject([{ kind: 'initial', stock: 10 }])
    expect(second.nextCursor).toBeNull()
  })

  test('shows one product alone', async () => {
    await shop.create({ stock: 99 })
    expect((await ledger()).items).toHaveLength(1)
  })

  test('of an unknown product is answered with 404, of a malformed id or cursor with 400', async () => {
    const status = async (path: string) => (await shop.admin('GET', path)).statusCode
    expect(await status(`/products/${newId()}/movements`)).toBe(404)
    expect(await status('/products/42/movements')).toBe(400)
    expect(await status(`/products/${coffee.id}/movements?cursor=x`)).toBe(400)
    expect(await status(`/products/${coffee.id}/movements?kind=sale`)).toBe(400)
  })
})
