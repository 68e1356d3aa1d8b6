import { newId } from '@feira/chassis'
import { asAdmin, asPartner, waitUntil } from '@feira/chassis/testing'
import { orderReserved } from '@feira/contracts/orders'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { service } from '../service.ts'
import { openTarget, statuses, type Target } from '../testing/target.ts'
import { openTelling, type Attempt, type Telling } from '../testing/telling.ts'

let telling: Telling
let target: Target

beforeAll(async () => {
  const limits = { PARTNER_LIMIT_PER_MINUTE: '1000', PARTNER_LIMIT_PER_SECOND: '1000' }
  telling = await openTelling(limits, service)
  target = await openTarget()
})
afterAll(async () => {
  await telling[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

const list = (eventId: string, headers: Record<string, string>, query = '') =>
  telling.http.inject({ url: `/events/${eventId}/deliveries${query}`, headers })

/** An event of a partner, without the way it took. */
async function eventOf(partnerId: string): Promise<string> {
  const id = newId()
  await telling.sql(
    `insert into events (id, partner_id, kind, content_hash, state, received_at, updated_at)
     values ($1, $2, 'sale', '', 'dead', now(), now())`,
    id,
    partnerId,
  )
  return id
}

test('a partner sees what it was told of its event, and every attempt', async () => {
  target.answer = statuses(503, 200)
  const partnerId = await telling.partner(`${target.url}?token=abc`)
  const eventId = await eventOf(partnerId)
  const id = await telling.tell(partnerId, { id: eventId, state: 'dead' })
  await telling.becomes(id, 'delivered')
  const answer = await list(eventId, asPartner(partnerId))
  const [first, second] = await telling.attemptsOf(id)
  const seen = (attempt: Attempt | undefined) => ({
    ...attempt,
    startedAt: attempt?.startedAt.toISOString(),
    endedAt: attempt?.endedAt?.toISOString(),
    durationMs: Number(attempt?.endedAt) - Number(attempt?.startedAt),
  })
  expect(answer.json()).toEqual({
    items: [
      {
        id,
        type: 'event.dead',
        status: 'delivered',
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
        attempts: [seen(first), seen(second)],
      },
    ],
    nextCursor: null,
  })
  expect(first).toMatchObject({ number: 1, url: target.url, httpStatus: 503, error: 'Answered 503.' })
  expect((await list(eventId, asAdmin())).json()).toEqual(answer.json())
})

test('an event that comes to its answer is told of, from intake to webhook', async () => {
  target.answer = statuses(200)
  const partnerId = await telling.partner(target.url)
  const sent = await telling.http.inject({
    method: 'POST',
    url: '/events',
    headers: asPartner(partnerId),
    payload: { tipo: 'venda', dados: { produto_id: 'CAFE-250', quantidade: 2, valor: 59.98 }, evento_id: 'pedido-7' },
  })
  const { id: eventId } = sent.json<{ id: string }>()
  await telling.deliver(orderReserved, { ...orderReserved.example, origin: { partnerId, eventId } })
  const listed = async () =>
    (await list(eventId, asPartner(partnerId))).json<{ items: { id: string; status: string }[] }>()
  await waitUntil('it is told', async () => (await listed()).items[0]?.status === 'delivered')
  const { items } = await listed()
  expect(items).toMatchObject([{ type: 'event.completed', status: 'delivered', attempts: [{ httpStatus: 200 }] }])
  const [told] = target.about(items[0]?.id ?? '')
  expect(JSON.parse(told?.body ?? '')).toMatchObject({
    data: { id: eventId, evento_id: 'pedido-7', status: 'completed', orderId: orderReserved.example.orderId },
  })
})

test('deliveries come oldest first, page by page', async () => {
  target.answer = statuses(200)
  const partnerId = await telling.partner(target.url)
  const eventId = await eventOf(partnerId)
  const ids: (string | undefined)[] = []
  for (let delivery = 0; delivery < 3; delivery++)
    ids.push((await telling.end(partnerId, { id: eventId })).findLast(id => !ids.includes(id)))
  const page = (await list(eventId, asPartner(partnerId), '?limit=2')).json()
  expect(page.items.map((item: { id: string }) => item.id)).toEqual(ids.slice(0, 2))
  const rest = (await list(eventId, asPartner(partnerId), `?limit=2&cursor=${page.nextCursor}`)).json()
  expect(rest.items.map((item: { id: string }) => item.id)).toEqual(ids.slice(2))
  expect(rest.nextCursor).toBeNull()
})

test('an event without deliveries has an empty list', async () => {
  const partnerId = await telling.partner(null)
  expect((await list(await eventOf(partnerId), asPartner(partnerId))).json()).toEqual({ items: [], nextCursor: null })
})

test("another partner's event is not there, like one that never was", async () => {
  const eventId = await eventOf(await telling.partner(target.url))
  for (const id of [eventId, newId()]) {
    const answer = await list(id, asPartner(await telling.partner(null)))
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'event-not-found' })
  }
})

test('what is no id, no page or no cursor is refused by name', async () => {
  const eventId = await eventOf(await telling.partner(null))
  expect((await list('1', asAdmin())).statusCode).toBe(400)
  expect((await list(eventId, asAdmin(), '?limit=0')).json()).toMatchObject({ errors: [{ field: 'limit' }] })
  expect((await list(eventId, asAdmin(), '?cursor=x')).json()).toMatchObject({ errors: [{ field: 'cursor' }] })
})
