import { newId } from '@feira/chassis'
import { startTestService, type TestService } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let invoices: TestService
let url: string
let issued: string
const { example } = orderCreated

beforeAll(async () => {
  invoices = await startTestService(service)
  await invoices.deliver(orderCreated, { ...example, orderId: newId(), userId: newId(), totalCents: 2999 })
  const { rows } = await invoices.resources.query<{ id: string }>({ text: 'select id from invoices' })
  url = `/invoices/${rows[0]?.id}`
  issued = (await invoices.http.inject(url)).body
})
afterAll(() => invoices[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}) => invoices.http.inject({ url, headers })

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
    version: 1,
    issuedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
    updatedAt: invoice.issuedAt,
  })
})

test('a slash at the end and an id in capitals lead to the same', async () => {
  expect((await get(`${url}/`)).body).toBe(issued)
  expect((await get(url.replace(/[^/]+$/, id => id.toUpperCase()))).body).toBe(issued)
})

test('HEAD tells the same without a body', async () => {
  const answer = await invoices.http.inject({ method: 'HEAD', url })
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
  const answer = await invoices.http.inject({ method, url })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers.allow?.toString().split(', ').toSorted()).toEqual(['GET', 'HEAD'])
  expect((await get(url)).body).toBe(issued)
})
