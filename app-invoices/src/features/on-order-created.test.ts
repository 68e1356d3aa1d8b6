import { newId, startService } from '@feira/chassis'
import { asAdmin, startTestService, waitUntil } from '@feira/chassis/testing'
import { invoiceIssued } from '@feira/contracts/invoices'
import { orderCreated } from '@feira/contracts/orders'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { service } from '../service.ts'
import { numbersTo, openInvoicing, outcomes, type Invoicing } from '../testing/invoicing.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
beforeEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

const year = new Date().getUTCFullYear()
const order = (fields: { orderId?: string; userId?: string; totalCents?: number } = {}) => ({
  ...orderCreated.example,
  orderId: newId(),
  ...fields,
})

const issued = () =>
  invoices.sql('select order_id, number, status, total_cents from invoices order by length(number), number')

describe('an order gets an invoice', () => {
  test('issued, of the same total, to be read at once', async () => {
    const data = order({ userId: newId(), totalCents: 2999 })
    await invoices.deliver(orderCreated, data)
    const { items } = (
      await invoices.http.inject({ url: `/invoices?orderId=${data.orderId}`, headers: asAdmin() })
    ).json()
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      number: `${year}-000001`,
      orderId: data.orderId,
      userId: data.userId,
      status: 'issued',
      amount: 29.99,
      totalCents: 2999,
      currency: 'BRL',
      version: 1,
    })
  })

  test('and the world learns of it', async () => {
    const data = order({ userId: newId(), totalCents: 1_000_000_000 })
    await invoices.deliver(orderCreated, data)
    const { items } = (await invoices.http.inject({ url: '/invoices', headers: asAdmin() })).json()
    expect(await invoices.published(invoiceIssued)).toEqual([
      {
        invoiceId: items[0].id,
        version: 1,
        number: `${year}-000001`,
        orderId: data.orderId,
        userId: data.userId,
        customer: data.customer,
        totalCents: 1_000_000_000,
        currency: 'BRL',
        issuedAt: items[0].issuedAt,
      },
    ])
  })

  test('in the trace and the conversation of the order, naming the message that led to it', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const data = order({ userId: newId() })
    const options = { correlationId: 'conversation-1', headers: { traceparent, tracestate: 'a=b' } }
    const messageId = await invoices.deliver(orderCreated, data, options)
    const { rows } = await invoices.resources.query({
      text: 'select aggregate_type, aggregate_version, headers, subject_id from chassis.outbox',
    })
    expect(rows).toEqual([
      {
        aggregate_type: 'invoice',
        aggregate_version: '1',
        subject_id: data.userId,
        headers: {
          traceparent: expect.stringMatching(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`)),
          tracestate: 'a=b',
          'correlation-id': 'conversation-1',
          'caused-by': messageId,
        },
      },
    ])
  })

  test('whose conversation begins with the message where none is named', async () => {
    const messageId = await invoices.deliver(orderCreated, order())
    const { rows } = await invoices.resources.query({ text: 'select headers from chassis.outbox' })
    expect(rows[0]?.['headers']).toMatchObject({ 'correlation-id': messageId, 'caused-by': messageId })
  })

  test('also when its message has fields of a later version', async () => {
    const grown = JSON.stringify({ ...order(), coupon: { code: 'SPRING' } })
    await invoices.deliverRaw(orderCreated, grown)
    expect(await issued()).toHaveLength(1)
  })

  test('each of a batch its own cause, total and user', async () => {
    const sent = Array.from({ length: 50 }, (_, index) => {
      return { id: newId(), data: order({ userId: newId(), totalCents: index + 1 }) }
    })
    await invoices.burst(sent)
    await waitUntil('all are issued', async () => (await issued()).length === 50)
    const { rows } = await invoices.resources.query({
      text: `select payload ->> 'orderId' as order, headers ->> 'caused-by' as cause, subject_id as user,
               (payload ->> 'totalCents')::int as total
             from chassis.outbox where type = 'invoice.issued'`,
    })
    const expected = sent.map(({ id, data }) => {
      return { order: data.orderId, cause: id, user: data.userId, total: data.totalCents }
    })
    expect(rows).toHaveLength(50)
    expect(rows).toEqual(expect.arrayContaining(expected))
  })
})

describe('an order has one invoice, however often it is told', () => {
  test('by one message, delivered 100 times', async () => {
    const [before, id, data] = [await outcomes(invoices, 'handled', 'duplicate'), newId(), order()]
    await invoices.burst(Array.from({ length: 100 }, () => ({ id, data })))
    await waitUntil(
      'all have been seen',
      async () => (await outcomes(invoices, 'handled', 'duplicate')) === before + 100,
    )
    expect(await issued()).toHaveLength(1)
    expect(await invoices.published(invoiceIssued)).toHaveLength(1)
  })

  test('by one message, delivered again later', async () => {
    const [before, messageId, data] = [await outcomes(invoices, 'handled', 'duplicate'), newId(), order()]
    for (let time = 0; time < 3; time++) await invoices.deliver(orderCreated, data, { messageId })
    await waitUntil('all have been seen', async () => (await outcomes(invoices, 'handled', 'duplicate')) === before + 3)
    expect(await issued()).toHaveLength(1)
    expect(await invoices.published(invoiceIssued)).toHaveLength(1)
  })

  test('by another message, also of a later version of the order', async () => {
    const data = order({ totalCents: 100 })
    await invoices.deliver(orderCreated, data)
    await invoices.deliver(orderCreated, data)
    await invoices.deliver(orderCreated, { ...data, version: 2, totalCents: 200 })
    expect(await issued()).toMatchObject([{ total_cents: '100', number: `${year}-000001` }])
    expect(await invoices.published(invoiceIssued)).toHaveLength(1)
  })

  test('by two messages in one burst, of which many are', async () => {
    const before = await outcomes(invoices, 'handled')
    const data = Array.from({ length: 60 }, () => order())
    await invoices.burst([...data, ...data].map(data => ({ data })))
    await waitUntil('all are handled', async () => (await outcomes(invoices, 'handled')) === before + 120)
    expect((await issued()).map(({ number }) => number)).toEqual(numbersTo(60))
    expect(await invoices.published(invoiceIssued)).toHaveLength(60)
  })
})

describe('numbers', () => {
  test('have no gap after a burst of 500 orders', async () => {
    await invoices.burst(Array.from({ length: 500 }, () => ({ data: order() })))
    await waitUntil('all are issued', async () => (await issued()).length === 500)
    expect((await issued()).map(({ number }) => number)).toEqual(numbersTo(500))
    const published = await invoices.published(invoiceIssued)
    expect(published.map(({ number }) => number).toSorted()).toEqual(numbersTo(500))
  })

  test('have no gap when two instances share the work', async () => {
    const other = await startService(service, { ...invoices.env, PORT: '0' })
    try {
      await waitUntil('it takes messages', async () => (await other.http.inject('/ready')).statusCode === 200)
      const before = await outcomes(invoices, 'handled')
      const data = Array.from({ length: 300 }, () => order())
      for (let start = 0; start < 300; start += 20)
        await invoices.burst(data.slice(start, start + 20).map(data => ({ data })))
      await waitUntil('all are issued', async () => (await issued()).length === 300)
      expect((await issued()).map(({ number }) => number)).toEqual(numbersTo(300))
      expect(await invoices.published(invoiceIssued)).toHaveLength(300)
      const shares = [(await outcomes(invoices, 'handled')) - before, await outcomes(other, 'handled')]
      expect(Math.min(...shares)).toBeGreaterThan(0)
    } finally {
      await other.stop()
    }
  })

  test('grow a digit when six do not suffice', async () => {
    await invoices.sql('insert into invoice_counters values ($1, 999998)', year)
    await invoices.burst(Array.from({ length: 3 }, () => ({ data: order() })))
    await waitUntil('all are issued', async () => (await issued()).length === 3)
    const numbers = [`${year}-999999`, `${year}-1000000`, `${year}-1000001`]
    expect((await issued()).map(({ number }) => number)).toEqual(numbers)
    expect((await invoices.published(invoiceIssued)).map(({ number }) => number).toSorted()).toEqual(numbers.toSorted())
  })
})

describe('the year of a number', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('is that of the time zone, and each begins with 1', async () => {
    await using saoPaulo = await startTestService(service)
    const numberAt = async (moment: string) => {
      vi.useFakeTimers({ toFake: ['Date'], now: new Date(moment) })
      const { orderId } = order()
      await saoPaulo.deliver(orderCreated, { ...orderCreated.example, orderId })
      return (await saoPaulo.http.inject({ url: `/invoices?orderId=${orderId}`, headers: asAdmin() })).json().items[0]
        .number
    }
    expect(await numberAt('2030-06-01T00:00:00Z')).toBe('2030-000001')
    expect(await numberAt('2031-01-01T02:59:59.999Z')).toBe('2030-000002')
    expect(await numberAt('2031-01-01T03:00:00.000Z')).toBe('2031-000001')
  })

  test.each(['Brasilia', 'America/Sao Paulo', 'UTC+25', '-03:00', ' ', "'; drop table invoices"])(
    'cannot be of the time zone %j',
    async zone => {
      const starting = startService(service, { ...invoices.env, PORT: '0', INVOICE_TIMEZONE: zone })
      await expect(starting).rejects.toMatchObject({ name: 'ConfigError', variables: ['INVOICE_TIMEZONE'] })
      await expect(starting).rejects.toThrow(
        /app-invoices cannot start.*\n {2}INVOICE_TIMEZONE {2}must be an IANA time zone/,
      )
    },
  )

  test.each(['UTC', 'Etc/UTC', 'GMT', 'Asia/Kolkata', 'Europe/Kyiv', 'America/Argentina/Buenos_Aires', ''])(
    'can be of the time zone %j',
    async zone => {
      const other = await startService(service, { ...invoices.env, PORT: '0', INVOICE_TIMEZONE: zone })
      await other.stop()
      expect(other.resources.config).toMatchObject({ INVOICE_TIMEZONE: zone || 'America/Sao_Paulo' })
    },
  )
})
