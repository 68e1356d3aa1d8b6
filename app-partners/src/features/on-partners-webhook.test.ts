import { newId } from '@feira/chassis'
import { partnersWebhook } from '@feira/contracts/partners'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTarget, statuses, type Target } from '../testing/target.ts'
import { openTelling, secret, type Telling } from '../testing/telling.ts'

let telling: Telling
let target: Target

beforeAll(async () => {
  telling = await openTelling()
})
afterAll(() => telling[Symbol.asyncDispose]())
beforeEach(async () => {
  target = await openTarget()
})
afterEach(() => target[Symbol.asyncDispose]())

test('a webhook says what became of the event, signed as Standard Webhooks wants it', async () => {
  const [eventId, orderId, updatedAt] = [newId(), newId(), new Date('2026-01-02T03:04:05.678Z')]
  const partnerId = await telling.partner(`${target.url}?token=abc`)
  const id = await telling.tell(partnerId, { id: eventId, orderId, updatedAt })
  await telling.becomes(id, 'delivered')
  const [told] = target.told
  expect(new Webhook(secret).verify(told?.body ?? '', told?.headers as Record<string, string>)).toEqual({
    type: 'event.completed',
    timestamp: '2026-01-02T03:04:05.678Z',
    data: {
      id: eventId,
      tipo: 'VENDA',
      evento_id: 'pedido-1',
      status: 'completed',
      outcome: { code: 'reserved', detail: 'The order is reserved.' },
      orderId,
    },
  })
  expect(target.told).toHaveLength(1)
  expect(told).toMatchObject({
    path: '/hook?token=abc',
    headers: { 'content-type': 'application/json', 'webhook-id': id },
  })
  expect(await telling.attemptsOf(id)).toMatchObject([
    { number: 1, url: target.url, delivered: true, httpStatus: 204, error: null, endedAt: expect.any(Date) },
  ])
})

test('a body that was changed on its way does not verify', async () => {
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'delivered')
  const [told] = target.told
  const changed = told?.body.replace('completed', 'refused') ?? ''
  expect(() => new Webhook(secret).verify(changed, told?.headers as Record<string, string>)).toThrow('No matching')
})

test.each(['refused', 'dead'] as const)('an event that is %s is told too', async state => {
  const id = await telling.tell(await telling.partner(target.url), { state, orderId: null })
  await telling.becomes(id, 'delivered')
  expect(JSON.parse(target.told[0]?.body ?? '')).toMatchObject({ type: `event.${state}`, data: { status: state } })
})

test('an event of a kind that this release does not know is told, and keeps nobody from being told', async () => {
  const id = await telling.tell(await telling.partner(target.url), { kind: 'loyalty', state: 'dead' })
  await telling.becomes(id, 'delivered')
  expect(JSON.parse(target.told[0]?.body ?? '')).toMatchObject({ data: { tipo: 'loyalty', status: 'dead' } })
})

test('a partner without webhook, and one that was deleted, is told nothing', async () => {
  expect(await telling.end(await telling.partner(null))).toEqual([])
  expect(await telling.end(await telling.partner(target.url, { deleted: true }))).toEqual([])
})

test('a partner that is deleted before its turn is told nothing, and the delivery has failed', async () => {
  const partnerId = await telling.partner(target.url)
  const deliveryId = newId()
  await telling.sql(
    `insert into deliveries (id, event_id, partner_id, type, body, status, created_at, updated_at)
     values ($1, $1, $2, 'event.dead', '{}', 'pending', now(), now())`,
    deliveryId,
    partnerId,
  )
  await telling.sql('update partners set deleted_at = now() where id = $1', partnerId)
  await telling.deliver(partnersWebhook, { deliveryId, eventId: deliveryId, partnerId })
  expect(await telling.statusOf(deliveryId)).toBe('failed')
  expect(target.told).toEqual([])
})

test('after 500 it is told again under the same id, with a signature of that moment', async () => {
  target.answer = statuses(500, 200)
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'delivered')
  expect(target.about(id)).toHaveLength(2)
  for (const { body, headers } of target.told)
    expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow()
  expect(await telling.attemptsOf(id)).toMatchObject([
    { number: 1, delivered: false, httpStatus: 500, error: 'Answered 500.' },
    { number: 2, delivered: true, httpStatus: 200, error: null },
  ])
})

test('a target that keeps failing is given up after the last pause, visibly', async () => {
  target.answer = statuses(503)
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'failed')
  expect(target.about(id)).toHaveLength(3)
  expect(await telling.attemptsOf(id)).toHaveLength(3)
})

test('410 ends it at once', async () => {
  target.answer = statuses(410)
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'failed')
  expect(await telling.attemptsOf(id)).toMatchObject([{ httpStatus: 410, error: 'Answered 410: gone.' }])
  expect(target.told).toHaveLength(1)
})

test('redirects are not followed', async () => {
  await using elsewhere = await openTarget()
  target.answer = (_told, response) => void response.writeHead(307, { location: elsewhere.url }).end()
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'failed')
  expect(elsewhere.told).toEqual([])
  expect((await telling.attemptsOf(id))[0]).toMatchObject({
    httpStatus: 307,
    error: 'Answered 307: redirects are not followed.',
  })
})

test('a target that hangs is timed out and told again', async () => {
  target.answer = (_told, response) => {
    if (target.told.length > 1) response.writeHead(200).end()
  }
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'delivered')
  const [first] = await telling.attemptsOf(id)
  expect(first).toMatchObject({ delivered: false, httpStatus: null, error: 'No answer within 300 ms.' })
  expect(target.about(id)).toHaveLength(2)
})

test('an answer that never ends counts by its status, and is not read to the end', async () => {
  let ended = false
  target.answer = (_told, response) => {
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    }
    response.writeHead(200).on('drain', pour)
    response.on('close', () => (ended = true))
    pour()
  }
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'delivered')
  await expect.poll(() => ended).toBe(true)
  expect(target.told).toHaveLength(1)
})

test('what no server answers is said in plain words', async () => {
  await target[Symbol.asyncDispose]()
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'failed')
  expect((await telling.attemptsOf(id))[0]?.error).toBe('The connection was refused (ECONNREFUSED).')
  target = await openTarget()
})

test('an answer that is not HTTP, and a connection that is cut, are said in plain words', async () => {
  target.answer = (_told, response) => {
    if (target.told.length === 1) response.socket?.end('SSH-2.0-OpenSSH\r\n')
    else response.socket?.destroy()
  }
  const id = await telling.tell(await telling.partner(target.url))
  await telling.becomes(id, 'failed')
  const [first, second] = await telling.attemptsOf(id)
  expect(first?.error).toMatch(/^The answer is not HTTP that can be read/)
  expect(second?.error).toMatch(/^The connection was closed before an answer/)
})

test('a message that comes twice tells once', async () => {
  const partnerId = await telling.partner(target.url)
  const id = await telling.tell(partnerId)
  await telling.becomes(id, 'delivered')
  await telling.deliver(partnersWebhook, { deliveryId: id, eventId: newId(), partnerId })
  expect(target.about(id)).toHaveLength(1)
})
