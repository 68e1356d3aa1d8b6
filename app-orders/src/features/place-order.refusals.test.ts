import { asUser, startTestService, type TestService } from '@feira/chassis/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'

let orders: TestService

beforeAll(async () => {
  orders = await startTestService(service)
})
afterAll(() => orders[Symbol.asyncDispose]())

const json = { 'content-type': 'application/json' }
const userId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'

/** How much the service has written. */
async function written() {
  const { rows } = await orders.resources.query({
    text: `select (select count(*)::int from orders) as orders, (select count(*)::int from order_history) as history,
             (select count(*)::int from chassis.outbox where type = 'order.created') as messages,
             (select count(*)::int from chassis.idempotency_keys) as keys`,
  })
  return rows[0]
}

/** Posts a body as it is; expects a problem as the answer, and that nothing came of the request. */
async function refusal(payload: string | Buffer | undefined, headers: Record<string, string> = json) {
  const before = await written()
  const body = payload === undefined ? {} : { payload }
  const key = { 'idempotency-key': 'kept' }
  const answer = await orders.http.inject({
    method: 'POST',
    url: '/orders',
    headers: { ...asUser(), ...headers, ...key },
    ...body,
  })
  expect(answer.statusCode, answer.body).toBeGreaterThanOrEqual(400)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  const { status, code, detail, errors = [], ...rest } = answer.json()
  expect(status).toBe(answer.statusCode)
  expect(rest).toMatchObject({ type: `urn:problem-type:orders:${code}`, instance: '/orders' })
  expect(rest.traceId).toBe(answer.headers['x-trace-id'])
  expect(await written()).toEqual(before)
  const fields = (errors as { field: string }[]).map(({ field }) => field)
  return { status, code, detail, fields: fields.toSorted() }
}

const invalid = (...fields: string[]) => ({ status: 400, code: 'invalid-request', fields })
const malformed = (where: string) => ({ status: 400, code: 'malformed-json', detail: expect.stringContaining(where) })
const bodyRequired = { status: 400, code: 'body-required' }
const unsupported = { status: 415, code: 'unsupported-media-type' }

describe('an amount is refused', () => {
  const numbers = ['0', '-0', '-1', '-0.01', '29.999', '0.001', '1e-7', '1e21', '1e400', '-1e400', '10000000.01']
  const others = ['true', 'null', '{}', '[]', '[29.99]', '{"value": 1}']
  const texts = ['', ' ', 'abc', 'NaN', 'Infinity', '-1', '0.00', '29.999', '29,99', ' 29.99', '1e2', '0x10', '１']
  const long = ['10000000.01', '9'.repeat(20), '9'.repeat(21), '9'.repeat(10_000)]
  const values = [...numbers, ...others, ...[...texts, ...long].map(text => JSON.stringify(text))]

  test.each(values.flatMap(value => ['amount', 'total'].map(field => [field, value] as const)))(
    '%s: %s',
    async (field, value) => {
      expect(await refusal(`{"${field}": ${value}}`)).toMatchObject(invalid(field))
    },
  )

  test('when there is none', async () => {
    expect(await refusal('{}')).toEqual({
      ...invalid('amount'),
      detail: 'amount: is required where there are no items',
    })
  })

  test('when total says something else', async () => {
    expect(await refusal('{"amount": 29.99, "total": 30}')).toMatchObject(invalid('total'))
  })

  test('beside everything else that is wrong', async () => {
    const body = '{"amount": -1, "userId": "me", "userEmail": "me", "amonut": 1}'
    expect(await refusal(body)).toMatchObject(invalid('amonut', 'amount', 'userEmail', 'userId'))
  })
})

describe('a body is refused', () => {
  test.each<[string, string | undefined, Record<string, string>?]>([
    ['missing', undefined, {}],
    ['missing, though announced as JSON', undefined],
    ['empty', ''],
    ['null', 'null'],
  ])('%s', async (_what, body, headers) => {
    expect(await refusal(body, headers)).toMatchObject(bodyRequired)
  })

  test.each([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['JSON in another encoding', { 'content-type': 'application/json; charset=utf-16' }],
    ['compressed', { ...json, 'content-encoding': 'gzip' }],
    ['of a media type that only begins like JSON', { 'content-type': 'application/jsonp' }],
    ['of no media type', {}],
  ])('%s', async (_what, headers: Record<string, string>) => {
    expect(await refusal('{"amount": 1}', headers)).toMatchObject(unsupported)
  })

  test.each([
    ['{"amount": 29.99', 'it ends too early at line 1, column 17'],
    ['{\n  "amount": 29.99,\n}', 'unexpected "}" at line 3, column 1'],
    ['{"amount": 029}', 'unexpected "0" at line 1, column 12'],
    ['{"amount": NaN}', 'unexpected "N" at line 1, column 12'],
    ["{'amount': 1}", `unexpected "'" at line 1, column 2`],
    ['{"amount": 1} {}', 'unexpected "{" at line 1, column 15'],
    ['\uFEFF{"amount": 1}', 'unexpected "\uFEFF" at line 1, column 1'],
    ['{"userEmail": "a\u0000b"}', 'at line 1, column 15'],
  ])('malformed, saying where: %j', async (body, where) => {
    expect(await refusal(body)).toMatchObject(malformed(where))
  })

  test('not in UTF-8', async () => {
    const body = Buffer.from('{"amount": 1, "userEmail": "\u00e9@example.com"}', 'latin1')
    expect(await refusal(body)).toMatchObject(malformed('not valid UTF-8'))
  })

  test.each([
    ['U+0000', String.raw`{"amount": 1, "userEmail": "a\u0000@example.com"}`, 'userEmail'],
    ['U+0000 in a name', String.raw`{"amount": 1, "a\u0000": 1}`, 'a\u0000'],
    ['an unpaired surrogate', String.raw`{"amount": 1, "user_email": "\ud800@example.com"}`, 'user_email'],
    ['a prototype', '{"amount": 1, "__proto__": {"isAdmin": true}}', '__proto__'],
    ['too much nesting', `{"amount": ${'['.repeat(2_000)}${']'.repeat(2_000)}}`, `amount${'.0'.repeat(64)}`],
    ['an unknown field', '{"amount": 1, "discount": 0.5}', 'discount'],
    ['a field of the answer', '{"amount": 1, "status": "paid"}', 'status'],
    ['a field in other letters', '{"amount": 1, "Amount": 2}', 'Amount'],
    ['a name of Object.prototype', '{"amount": 1, "toString": 1}', 'toString'],
    ['a user that is no uuid', '{"amount": 1, "userId": "42"}', 'userId'],
    ['a user that is almost one', `{"amount": 1, "user_id": "${userId}0"}`, 'user_id'],
    ['a user that is null', '{"amount": 1, "userId": null}', 'userId'],
    ['an e-mail address without a host', '{"amount": 1, "userEmail": "ana@"}', 'userEmail'],
    [
      'two lines as an e-mail address',
      String.raw`{"amount": 1, "userEmail": "a@example.com\nBcc: b@c.de"}`,
      'userEmail',
    ],
    ['a long e-mail address', `{"amount": 1, "user_email": "${'a'.repeat(250)}@example.com"}`, 'user_email'],
    ['an array', '[{"amount": 1}]', 'body'],
    ['a number', '29.99', 'body'],
    ['a string', '"29.99"', 'body'],
  ])('with %s', async (_what, body, field) => {
    expect(await refusal(body)).toMatchObject(invalid(field))
  })

  test.each([
    ['user', { userId, user_id: '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4e' }, 'user_id'],
    ['e-mail address', { userEmail: 'ana@example.com', user_email: 'bea@example.com' }, 'user_email'],
  ])('that names two of one %s', async (_what, fields, field) => {
    expect(await refusal(JSON.stringify({ amount: 1, ...fields }))).toMatchObject(invalid(field))
  })

  test('that is too large', async () => {
    const body = `{"amount": 1, "userEmail": "${'a'.repeat(1_048_576)}"}`
    expect(await refusal(body)).toMatchObject({ status: 413, code: 'body-too-large' })
  })
})
