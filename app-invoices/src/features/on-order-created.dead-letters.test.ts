import { newId } from '@feira/chassis'
import { asAdmin, asPartner, asUser, waitUntil } from '@feira/chassis/testing'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { numbersTo, openInvoicing, type Invoicing } from '../testing/invoicing.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
afterEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

const order = (totalCents = 2999) => ({ ...orderCreated.example, orderId: newId(), totalCents })

describe('dead letters', () => {
  test('are grouped by what they died of, and replayed by group, after a rehearsal', async () => {
    await invoices.failOn666(`raise exception 'order % met error %', new.order_id, nextval('attempts');`)
    for (const data of [order(666), order(666), order(666)]) await invoices.deliver(orderCreated, data)
    await invoices.deliverRaw(orderCreated, '{}')
    const answer = await invoices.ops('GET', '')
    expect(answer.statusCode).toBe(200)
    const { groups } = answer.json()
    expect(groups).toHaveLength(2)
    const [malformed, failed] = groups
    expect(malformed).toMatchObject({ count: 1, type: 'order.created', reason: 'malformed' })
    const letters = await invoices.deadLetters()
    expect(failed).toEqual({
      fingerprint: letters[0]?.['fingerprint'],
      queue: letters[0]?.['queue'],
      type: 'order.created',
      reason: 'attempts-exhausted',
      error: letters[2]?.['error'],
      count: 3,
      firstDiedAt: letters[0]?.['died_at'].toISOString(),
      lastDiedAt: letters[2]?.['died_at'].toISOString(),
      newestId: letters[2]?.['id'],
    })

    await invoices.sql('drop function fail cascade')
    const { fingerprint } = failed
    expect((await invoices.ops('POST', '/replay', { fingerprint, dryRun: true })).json()).toEqual({ wouldReplay: 3 })
    expect((await invoices.ops('POST', '/replay', { all: true, dryRun: true })).json()).toEqual({ wouldReplay: 3 })
    expect((await invoices.deadLetters()).map(({ replayed_at }) => replayed_at)).toEqual([null, null, null, null])
    expect((await invoices.ops('POST', '/replay', { fingerprint })).json()).toEqual({ replayed: 3 })
    await waitUntil('all are invoiced', async () => (await invoices.numbers()).length === 3)
    expect(await invoices.numbers()).toEqual(numbersTo(3))
    expect((await invoices.ops('GET', '')).json().groups).toEqual([malformed])
    expect((await invoices.ops('POST', '/replay', { fingerprint })).json()).toEqual({ replayed: 0 })
  })

  test('can be looked at one by one', async () => {
    const messageId = await invoices.deliverRaw(orderCreated, '{"orderId": 1}')
    const [{ newestId }] = (await invoices.ops('GET', '')).json().groups
    const letter = (await invoices.ops('GET', `/${newestId}`)).json()
    expect(letter).toMatchObject({ id: newestId, messageId, payload: '{"orderId": 1}', attempts: 1, replayedAt: null })
  })

  test.each([
    ['GET', `/${newId()}`, undefined, 404, 'dead-letter-not-found'],
    ['GET', '/42', undefined, 400, 'invalid-request'],
    ['DELETE', `/${newId()}`, undefined, 404, 'dead-letter-not-found'],
    ['POST', `/${newId()}/replay`, undefined, 409, 'not-replayable'],
    ['POST', '/replay', undefined, 400, 'body-required'],
    ['POST', '/replay', {}, 400, 'invalid-request'],
    ['POST', '/replay', { all: true, fingerprint: 'abc' }, 400, 'invalid-request'],
    ['POST', '/replay', { all: false }, 400, 'invalid-request'],
    ['POST', '/replay', { everything: true }, 400, 'invalid-request'],
  ] as const)('%s %s %j is refused', async (method, path, body, status, code) => {
    const answer = await invoices.ops(method, path, body)
    expect(answer.statusCode, answer.body).toBe(status)
    expect(answer.json()).toMatchObject({ code })
  })

  test.each([
    ['nobody', {}, 401, 'token-missing'],
    ['a user', asUser(), 403, 'role-missing'],
    ['a partner', asPartner(), 403, 'role-missing'],
  ])('are not shown to %s', async (_who, headers: Record<string, string>, status, code) => {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', `/${newId()}`],
      ['POST', '/replay'],
      ['DELETE', `/${newId()}`],
    ] as const) {
      const answer = await invoices.http.inject({ method, url: `/ops/dead-letters${path}`, headers })
      expect(answer.statusCode, answer.body).toBe(status)
      expect(answer.json()).toMatchObject({ code })
    }
  })

  test.each(['127.0.0.1', '10.1.2.3', '2001:db8::1'])('are shown to an admin at %s', async remoteAddress => {
    const answer = await invoices.http.inject({ url: '/ops/dead-letters', remoteAddress, headers: asAdmin() })
    expect(answer.statusCode).toBe(200)
  })
})
