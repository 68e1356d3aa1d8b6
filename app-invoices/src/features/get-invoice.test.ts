import { newId } from '@feira/chassis'
import { asAdmin, asPartner, asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { orderCreated, orderPaid, orderRefunded } from '@feira/contracts/orders'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let invoices: TestService
let url: string
let issued: string
const owner = newId()
const { example } = orderCreated

beforeAll(async () => {
  invoices = await startTestService(service)
  await invoices.deliver(orderCreated, { ...example, orderId: newId(), userId: owner, totalCents: 2999 })
  const { rows } = await invoices.resources.query<{ id: string }>({ text: 'select id from invoices' })
  url = `/invoices/${rows[0]?.id}`
  issued = (await get(url)).body
})
afterAll(() => invoices[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}) =>
  invoices.http.inject({ url, headers: { ...asUser(owner), ...headers } })

test('an invoice can be read, with its version as ETag', async () => {
  const answer = await get(url)
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(answer.headers.etag).toBe('"1"')
  const invoice = answer.json()
  expect(invoice).toEqual({
    id: url.replace('/invoices/', ''),
    number: expect.stringMatching(/^\d{4}-000001$/),
    orderId: expect.any(String),
    userId: expect.any(String),
    status: 'issued',
    amount: 29.99,
    totalCents: 2999,
    currency: 'BRL',
    items: example.items.map(item => ({ ...item, unitPrice: 29.99 })),
    version: 1,
    issuedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
    paidAt: null,
    voidedAt: null,
    updatedAt: invoice.issuedAt,
  })
})

test('a slash at the end and an id in capitals lead to the same', async () => {
  expect((await get(`${url}/`)).body).toBe(issued)
  expect((await get(url.replace(/[^/]+$/, id => id.toUpperCase()))).body).toBe(issued)
})

test('HEAD tells the same without a body', async () => {
  const answer = await invoices.http.inject({ method: 'HEAD', url, headers: asUser(owner) })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers).toMatchObject({ etag: '"1"', 'content-length': String(Buffer.byteLength(issued)) })
  expect(answer.body).toBe('')
})

describe('If-None-Match', () => {
  test.each(['"1"', 'W/"1"', '"0", "1"', '*'])('%s: nothing new', async header => {
    const answer = await get(url, { 'if-none-match': header })
    expect(answer.statusCode).toBe(304)
    expect(answer.headers.etag).toBe('"1"')
    expect(answer.body).toBe('')
  })

  test.each(['"2"', '1', 'abc', ''])('%s: the invoice', async header => {
    const answer = await get(url, { 'if-none-match': header })
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toBe(issued)
  })
})

test('once paid and void it says so', async () => {
  const orderId = newId()
  await invoices.deliver(orderCreated, { ...example, orderId, userId: owner })
  await invoices.deliver(orderPaid, { ...orderPaid.example, orderId, userId: owner })
  await invoices.deliver(orderRefunded, { ...orderRefunded.example, orderId, userId: owner })
  const { id } = (await get(`/invoices?orderId=${orderId}`)).json().items[0]
  const answer = await get(`/invoices/${id}`)
  expect(answer.headers.etag).toBe('"3"')
  const { paidAt } = orderPaid.example
  expect(answer.json()).toMatchObject({
    status: 'void',
    paidAt,
    voidedAt: orderRefunded.example.refundedAt,
    version: 3,
  })
})

describe('it can be read', () => {
  test('by its owner and an admin', async () => {
    expect((await get(url)).statusCode).toBe(200)
    expect((await get(url, asAdmin())).body).toBe(issued)
  })

  test('by nobody else: to others it is not there', async () => {
    const answer = await get(url, asUser(newId()))
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ code: 'invoice-not-found' })
    expect((await get(url, { ...asUser(newId()), 'if-none-match': '"1"' })).statusCode).toBe(404)
    expect((await get(url, asPartner(owner))).statusCode).toBe(403)
  })

  test("by an admin alone when it is nobody's", async () => {
    const orderId = newId()
    await invoices.deliver(orderCreated, { ...example, orderId, userId: null })
    const [found] = (await get(`/invoices?orderId=${orderId}`, asAdmin())).json().items
    expect((await get(`/invoices/${found.id}`, asAdmin())).statusCode).toBe(200)
    expect((await get(`/invoices/${found.id}`)).statusCode).toBe(404)
  })
})

test('an unknown id is answered with 404', async () => {
  const id = newId()
  const answer = await get(`/invoices/${id}`)
  expect(answer.statusCode).toBe(404)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.json()).toMatchObject({ status: 404, code: 'invoice-not-found', detail: `There is no invoice ${id}.` })
})

test.each(['42', '2026-000001', '%27', `${newId()}0`, 'x'.repeat(256), `${newId()}%00`])(
  'the malformed id %s is answered with 400',
  async id => {
    const answer = await get(`/invoices/${id}`)
    expect(answer.statusCode, answer.body).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'invalid-request', errors: [{ in: 'path', field: 'id' }] })
  },
)

test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('%s is no method of an invoice', async method => {
  const answer = await invoices.http.inject({ method, url, headers: asUser(owner) })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD'])
  expect((await get(url)).body).toBe(issued)
})
