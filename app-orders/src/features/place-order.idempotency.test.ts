import { newId, startService } from '@feira/chassis'
import { asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
afterAll(() => orders[Symbol.asyncDispose]())

function place(
  body: { readonly userId?: string; readonly amount?: number | string },
  key?: string,
  http = orders.http,
) {
  const headers = { ...asUser(body.userId), ...(key === undefined ? {} : { 'idempotency-key': key }) }
  return http.inject({ method: 'POST', url: '/orders', payload: body, headers })
}

type Answer = Awaited<ReturnType<typeof place>>

/** How many orders, versions, messages and keys there are for a user, by whom each test tells its own from others. */
async function writtenFor(userId: string): Promise<number[]> {
  const { rows } = await orders.resources.query<Record<string, number>>({
    text: `with mine as (select id from orders where user_id = $1)
           select (select count(*)::int from mine) as orders,
             (select count(*)::int from order_history where order_id in (select id from mine)) as history,
             (select count(*)::int from chassis.outbox where subject_id = $1::text) as messages,
             (select count(*)::int from chassis.idempotency_keys where subject_id = $1::text) as keys`,
    values: [userId],
  })
  return Object.values(rows[0] ?? {})
}

const order = () => ({ amount: 29.99, userId: newId() })
const one = [1, 1, 1, 1]
const replayed = ({ headers }: Answer) => headers['idempotency-replayed'] === 'true'
const idOf = (answer: Answer): string => answer.json().id

/** What of an answer a repetition must repeat. */
function essence({ statusCode, headers, body }: Answer) {
  const { location, etag } = headers
  return { statusCode, location, etag, type: headers['content-type'], length: headers['content-length'], body }
}

describe('the same key again', () => {
  test('and the same body: the same answer byte for byte, marked, and one order', async () => {
    const [body, key] = [order(), newId()]
    const first = await place(body, key)
    expect(first.statusCode).toBe(201)
    expect(replayed(first)).toBe(false)
    for (let time = 0; time < 3; time++) {
      const again = await place(body, key)
      expect(essence(again)).toEqual(essence(first))
      expect(replayed(again)).toBe(true)
    }
    expect(await writtenFor(body.userId)).toEqual(one)
  })

  test('and the same body in other words is the same', async () => {
    const [{ userId }, key] = [order(), newId()]
    const first = await place({ amount: 29.9, userId }, key)
    const again = await place({ userId, amount: '29.90' }, key)
    expect(essence(again)).toEqual(essence(first))
    expect(await writtenFor(userId)).toEqual(one)
  })

  test('and another body: 422, which changes nothing', async () => {
    const [body, key] = [order(), newId()]
    const first = await place(body, key)
    const other = await place({ ...body, amount: 30 }, key)
    expect(other.statusCode).toBe(422)
    expect(other.json()).toMatchObject({
      code: 'idempotency-mismatch',
      errors: [{ in: 'header', field: 'idempotency-key' }],
    })
    expect(essence(await place(body, key))).toEqual(essence(first))
    expect(await writtenFor(body.userId)).toEqual(one)
  })

  test('after the order has changed: the answer of that time', async () => {
    const [body, key] = [order(), newId()]
    const first = await place(body, key)
    await orders.resources.query({
      text: `update orders set status = 'paid', version = 2 where user_id = $1`,
      values: [body.userId],
    })
    expect(essence(await place(body, key))).toEqual(essence(first))
  })

  test('after a refusal: the refused request has not used it up', async () => {
    const [body, key] = [order(), newId()]
    expect((await place({ ...body, amount: -1 }, key)).statusCode).toBe(400)
    expect((await place({ userId: body.userId }, key)).statusCode).toBe(400)
    const answer = await place(body, key)
    expect(answer.statusCode).toBe(201)
    expect(replayed(answer)).toBe(false)
    expect(await writtenFor(body.userId)).toEqual(one)
  })

  test('after a failure: the failed request has not used it up', async () => {
    const [body, key] = [{ ...order(), amount: 666.66 }, newId()]
    await orders.resources.query({ text: 'alter table orders add constraint devilish check (total_cents <> 66666)' })
    try {
      expect((await place(body, key)).statusCode).toBe(500)
    } finally {
      await orders.resources.query({ text: 'alter table orders drop constraint devilish' })
    }
    expect(await writtenFor(body.userId)).toEqual([0, 0, 0, 0])
    expect((await place(body, key)).statusCode).toBe(201)
    expect(await writtenFor(body.userId)).toEqual(one)
  })
})

describe('at the same time', () => {
  test('50 requests with one key: one order, 50 equal answers', async () => {
    const [body, key] = [order(), newId()]
    const answers = await Promise.all(Array.from({ length: 50 }, () => place(body, key)))
    expect(new Set(answers.map(answer => JSON.stringify(essence(answer)))).size).toBe(1)
    expect(answers[0]?.statusCode).toBe(201)
    expect(answers.filter(replayed)).toHaveLength(49)
    expect(await writtenFor(body.userId)).toEqual(one)
  })

  test('50 requests with 50 keys: 50 orders', async () => {
    const body = order()
    const answers = await Promise.all(Array.from({ length: 50 }, () => place(body, newId())))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 201))
    expect(new Set(answers.map(idOf)).size).toBe(50)
    expect(await writtenFor(body.userId)).toEqual([50, 50, 50, 50])
  })

  test('two bodies with one key: the first to be written wins, the other is refused', async () => {
    const [userId, key] = [newId(), newId()]
    const bodies = Array.from({ length: 20 }, (_, index) => ({ userId, amount: 1 + (index % 2) }))
    const answers = await Promise.all(bodies.map(body => place(body, key)))
    const statuses = (amount: number) =>
      new Set(answers.filter((_, index) => bodies[index]?.amount === amount).map(({ statusCode }) => statusCode))
    expect([statuses(1), statuses(2)]).toEqual(expect.arrayContaining([new Set([201]), new Set([422])]))
    expect(await writtenFor(userId)).toEqual(one)
  })

  test('requests with keys, repeated keys and none: each gets its own order or the one of its key', async () => {
    const userId = newId()
    const keys = [newId(), newId(), newId()]
    const requests = Array.from({ length: 60 }, (_, index) => ({ amount: 1 + (index % 4), key: keys[index % 4] }))
    const answers = await Promise.all(requests.map(({ amount, key }) => place({ userId, amount }, key)))
    answers.forEach((answer, index) => {
      expect(answer.json()).toMatchObject({ amount: requests[index]?.amount })
    })
    const distinct = (key: string | undefined) =>
      new Set(answers.filter((_, index) => requests[index]?.key === key).map(idOf)).size
    expect([...keys, undefined].map(distinct)).toEqual([1, 1, 1, 15])
    expect(await writtenFor(userId)).toEqual([18, 18, 18, 3])
  })

  test('and in two instances of the service: still one order', async () => {
    const other = await startService(service, { ...orders.env, PORT: '0' })
    try {
      for (let round = 0; round < 10; round++) {
        const [body, key] = [order(), newId()]
        const sent = Array.from({ length: 20 }, (_, index) => place(body, key, index % 2 ? orders.http : other.http))
        const answers = await Promise.all(sent)
        expect(new Set(answers.map(answer => JSON.stringify(essence(answer)))).size).toBe(1)
        expect(answers[0]?.statusCode).toBe(201)
        expect(answers.filter(replayed)).toHaveLength(19)
        expect(await writtenFor(body.userId)).toEqual(one)
      }
    } finally {
      await other.stop()
    }
  })
})

describe('a key', () => {
  test.each(['', ' ', 'a b', 'a\u00a0', 'caf\u00e9', 'a\tb', '\u0007', 'k'.repeat(256)])('%j is refused', async key => {
    const body = order()
    const answer = await place(body, key)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({
      code: 'invalid-request',
      errors: [{ in: 'header', field: 'idempotency-key', message: 'must be 1 to 255 visible ASCII characters' }],
    })
    expect(await writtenFor(body.userId)).toEqual([0, 0, 0, 0])
  })

  test.each(['k'.repeat(255), '!', '"quoted"', `'; drop table orders; --`.replaceAll(' ', '_'), '%00'])(
    '%j is as good as any',
    async key => {
      const body = order()
      const first = await place(body, key)
      expect(first.statusCode, first.body).toBe(201)
      expect(essence(await place(body, key))).toEqual(essence(first))
      expect(await writtenFor(body.userId)).toEqual(one)
    },
  )

  test('in capitals is another', async () => {
    const body = order()
    const [lower, upper] = [await place(body, 'key-a'), await place(body, 'KEY-A')]
    expect(idOf(lower)).not.toBe(idOf(upper))
  })
})
