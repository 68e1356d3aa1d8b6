import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import type { OrderBook } from './harness/order-book.ts'
import type { OutboxRow } from './harness/snapshot.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let feira: Feira
let book: OrderBook

beforeAll(async () => {
  feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl') })
  book = feira.book
})
afterAll(() => feira?.tearDown())

const get = (path: string, headers: Record<string, string> = {}) =>
  request(feira.url + path, { headers: { ...feira.admin, ...headers } })

const invoiceOf = (orderId: string) =>
  until(`order ${orderId} has an invoice`, async () => {
    const { items } = (await get(`/invoices?orderId=${orderId}`)).body as { items: Record<string, unknown>[] }
    return items[0]
  })

test('an order becomes an invoice', async () => {
  const { status, headers, body } = await book.place({ totalCents: 2999 })
  expect(status).toBe(201)
  expect(body).toMatchObject({ amount: 29.99, totalCents: 2999, currency: 'BRL', status: 'reserved', version: 1 })
  const id = String(body?.['id'])
  expect(headers?.get('location')).toBe(`/orders/${id}`)
  expect(await get(`/orders/${id}`)).toMatchObject({ status: 200, body })
  expect((await get('/orders')).body).toMatchObject({ items: [body], nextCursor: null })
  expect((await get(`/orders/${id}/history`)).body).toMatchObject({ items: [{ version: 1, status: 'reserved' }] })
  const invoice = await invoiceOf(id)
  expect(invoice).toMatchObject({ orderId: id, status: 'issued', amount: 29.99, totalCents: 2999, currency: 'BRL' })
  expect(invoice['number']).toMatch(/^\d{4}-000001$/)
  expect(await get(`/invoices/${String(invoice['id'])}`)).toMatchObject({ status: 200, body: invoice })
  await verify(feira)
})

test('forty customers at once get forty orders and forty invoices', async () => {
  await book.placeMany({ count: 200, clients: 40 })
  expect(book.answers.filter(({ status }) => status !== 201)).toEqual([])
  const { invoices } = await verify(feira)
  expect(invoices).toHaveLength(book.accepted.length)
})

test('every path is also answered below /api/v1, and with a trailing slash', async () => {
  const id = await book.placeOne({ url: `${feira.url}/api/v1` })
  for (const path of [`/orders/${id}`, `/orders/${id}/`, `/api/v1/orders/${id}`, `/api/v1/orders/${id}/`]) {
    expect(await get(path), path).toMatchObject({ status: 200, body: { id } })
  }
  for (const path of ['/orders', '/orders/', '/api/v1/orders/', '/invoices/', '/api/v1/invoices']) {
    expect((await get(path)).status, path).toBe(200)
  }
  for (const path of ['/orders/health', '/api/v1/orders/ready', '/invoices/live']) {
    expect((await get(path)).status, path).toBe(200)
  }
})

test('whoever holds the current version is told so', async () => {
  const path = `/orders/${await book.placeOne()}`
  const etag = (await get(path)).headers.get('etag') ?? ''
  expect(await get(path, { 'if-none-match': etag })).toMatchObject({ status: 304, body: '' })
  expect((await get(path, { 'if-none-match': '"0"' })).status).toBe(200)
})

test('fifty requests with one Idempotency-Key are one order', async () => {
  const key = randomUUID()
  await Promise.all(Array.from({ length: 50 }, () => book.place({ key, totalCents: 500 })))
  const answers = book.answers.filter(answer => answer.key === key)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(answers.map(({ body }) => body?.['id'])).size).toBe(1)
  expect(answers.filter(({ headers }) => headers?.get('idempotency-replayed') === 'true')).toHaveLength(49)
  expect(await book.place({ key, totalCents: 501 })).toMatchObject({
    status: 422,
    body: { code: 'idempotency-mismatch', status: 422 },
  })
  await verify(feira)
})

test.each([
  ['/nothing', 404, 'route-not-found'],
  ['/ordersfoo', 404, 'route-not-found'],
  ['/metrics', 404, 'route-not-found'],
  ['/ops/dead-letters', 404, 'route-not-found'],
  ['/orders/x/y/z', 404, undefined],
  ['/orders/018f2d3e-8a5c-7c1e-9b3a-51d21b2a3c4d', 404, 'order-not-found'],
  ['/orders/42', 400, 'invalid-request'],
])('GET %s is answered with a problem', async (path, status, code) => {
  const answer = await get(path)
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expect(answer).toMatchObject({ status, body: { status, ...(code ? { code } : {}) } })
})

test('one correlation id and one trace go from the request through both services', async () => {
  const correlationId = `journey-${randomUUID()}`
  const traceId = randomBytes(16).toString('hex')
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`
  const { headers, body } = await book.place({ headers: { 'x-correlation-id': correlationId, traceparent } })
  expect(headers?.get('x-correlation-id')).toBe(correlationId)
  expect(headers?.get('x-trace-id')).toBe(traceId)
  const orderId = String(body?.['id'])
  const { outbox, seen = [], invoices } = await verify(feira)

  const created = outbox.orders.find(row => row.aggregateId === orderId) as OutboxRow
  const invoice = invoices.find(row => row.orderId === orderId)
  const issued = outbox.invoices.find(row => row.aggregateId === invoice?.id) as OutboxRow
  for (const row of [created, issued]) {
    expect(row.headers['correlation-id']).toBe(correlationId)
    expect(row.headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    const message = seen.find(({ id }) => id === row.id)
    expect(message).toMatchObject({ type: row.type, correlationId })
    expect(message?.headers['traceparent']).toContain(traceId)
  }
  expect(issued.headers['caused-by']).toBe(created.id)
})

test('a request without a correlation id gets one, which also goes all the way', async () => {
  const { headers, body } = await book.place()
  const correlationId = headers?.get('x-correlation-id')
  expect(correlationId).toMatch(/^[0-9a-f-]{36}$/)
  const { outbox, invoices } = await verify(feira)
  const invoice = invoices.find(({ orderId }) => orderId === body?.['id'])
  const issued = outbox.invoices.find(({ aggregateId }) => aggregateId === invoice?.id)
  expect(issued?.headers['correlation-id']).toBe(correlationId)
})

test('while app-invoices is stopped its paths answer with a problem, and orders are taken', async () => {
  expect(await feira.invoices.stop()).toEqual({ code: 0, signal: null })
  const answer = await get('/invoices')
  expect(answer.status).toBeGreaterThanOrEqual(502)
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expect(answer.headers.get('x-correlation-id')).toBeTruthy()
  await book.placeMany({ count: 20 })
  const queue = 'invoices.on-order-created'
  await until('all wait in the queue', async () => (await feira.broker.depths([queue])).get(queue) === 20)
  await feira.invoices.start()
  await verify(feira)
})
