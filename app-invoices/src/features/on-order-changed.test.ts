import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { invoiceIssued, invoicePaid, invoiceVoided } from '@feira/contracts/invoices'
import { orderCancelled, orderCreated, orderPaid, orderRefunded } from '@feira/contracts/orders'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openInvoicing, type Invoicing } from '../testing/invoicing.ts'
import { message, order, payloadOf, told, type Order, type Told } from '../testing/order-stories.ts'
import { onOrderChanged } from './on-order-changed.ts'

let invoices: Invoicing

beforeAll(async () => {
  invoices = await openInvoicing()
})
beforeEach(() => invoices.clear())
afterAll(() => invoices[Symbol.asyncDispose]())

const tell = (what: Told, about: Order, fields: object = {}) =>
  invoices.deliverRaw(told[what], JSON.stringify(payloadOf(what, about, fields)))

async function invoiceOf({ orderId }: Order) {
  const rows = await invoices.sql('select * from invoices where order_id = $1', orderId)
  expect(rows.length).toBeLessThanOrEqual(1)
  return rows[0]
}

/** The events of an order's invoice, oldest first. */
const events = ({ orderId }: Order) =>
  invoices.sql(
    `select type, aggregate_version::int as version, payload, headers ->> 'caused-by' as cause, subject_id
     from chassis.outbox where payload ->> 'orderId' = $1 and type like 'invoice.%' order by id`,
    orderId,
  )
const typesOf = async (about: Order) => (await events(about)).map(({ type, version }) => `${type} ${version}`)

describe('an invoice follows its order', () => {
  test('paid', async () => {
    const about = order()
    await tell('created', about)
    const cause = await tell('paid', about)
    expect(await invoiceOf(about)).toMatchObject({
      status: 'paid',
      version: 2,
      order_version: 3,
      paid_at: new Date(orderPaid.example.paidAt),
      voided_at: null,
    })
    const [issued, paid] = await events(about)
    expect(paid).toMatchObject({ type: 'invoice.paid', version: 2, cause, subject_id: about.userId })
    expect(paid?.['payload']).toEqual({ ...issued?.['payload'], version: 2, paidAt: orderPaid.example.paidAt })
  })

  test.each([
    ['cancelled', orderCancelled.example.cancelledAt],
    ['refunded', orderRefunded.example.refundedAt],
  ] as const)('%s: it is void, and keeps its number and amount', async (what, at) => {
    const about = order()
    await tell('created', about)
    const before = await invoiceOf(about)
    await tell(what, about)
    expect(await invoiceOf(about)).toMatchObject({
      status: 'void',
      number: before?.['number'],
      total_cents: before?.['total_cents'],
      version: 2,
      voided_at: new Date(at),
    })
    expect(await invoices.published(invoiceVoided)).toMatchObject([
      { version: 2, number: before?.['number'], voidedAt: at, customer: orderPaid.example.customer },
    ])
  })

  test('paid and then refunded: two changes, two events', async () => {
    const about = order()
    for (const what of ['created', 'paid', 'refunded'] as const) await tell(what, about)
    expect(await invoiceOf(about)).toMatchObject({ status: 'void', version: 3, order_version: 4 })
    expect(await typesOf(about)).toEqual(['invoice.issued 1', 'invoice.paid 2', 'invoice.voided 3'])
    expect((await events(about)).at(-1)?.['payload']).toMatchObject({ paidAt: orderPaid.example.paidAt })
  })
})

describe('what is told again or late changes nothing', () => {
  test.each<[string, Told[], string[]]>([
    ['paid twice', ['created', 'paid', 'paid'], ['invoice.issued 1', 'invoice.paid 2']],
    [
      'cancelled three times',
      ['created', 'cancelled', 'cancelled', 'cancelled'],
      ['invoice.issued 1', 'invoice.voided 2'],
    ],
    ['paid after it was refunded', ['created', 'refunded', 'paid'], ['invoice.issued 1', 'invoice.voided 2']],
    ['created after all', ['created', 'paid', 'created'], ['invoice.issued 1', 'invoice.paid 2']],
  ])('%s', async (_what, story, expected) => {
    const about = order()
    for (const what of story) await tell(what, about)
    expect(await typesOf(about)).toEqual(expected)
    expect(await invoiceOf(about)).toMatchObject({ version: expected.length })
  })

  test('an older version of the order loses, also when its outcome would be possible', async () => {
    const about = order()
    await tell('created', about)
    await tell('paid', about, { version: 5 })
    await tell('cancelled', about, { version: 4 })
    expect(await invoiceOf(about)).toMatchObject({ status: 'paid', order_version: 5, version: 2 })
  })
})

describe('what overtakes the order leaves a mark', () => {
  test.each<[string, Told[], string, string[]]>([
    ['cancelled', ['cancelled'], 'void', ['invoice.issued 1', 'invoice.voided 2']],
    ['refunded', ['refunded'], 'void', ['invoice.issued 1', 'invoice.voided 2']],
    ['paid', ['paid'], 'paid', ['invoice.issued 1', 'invoice.paid 2']],
    ['paid and refunded', ['paid', 'refunded'], 'void', ['invoice.issued 1', 'invoice.paid 2', 'invoice.voided 3']],
    ['refunded and then paid', ['refunded', 'paid'], 'void', ['invoice.issued 1', 'invoice.voided 2']],
    ['cancelled twice', ['cancelled', 'cancelled'], 'void', ['invoice.issued 1', 'invoice.voided 2']],
  ])('%s: its invoice is issued so', async (_what, early, status, expected) => {
    const about = order()
    for (const what of early) await tell(what, about)
    expect(await events(about)).toEqual([])
    const cause = await tell('created', about)
    expect(await invoiceOf(about)).toMatchObject({ status, version: expected.length })
    expect(await typesOf(about)).toEqual(expected)
    expect((await events(about)).map(event => event['cause'])).toEqual(expected.map(() => cause))
    expect(await invoices.sql('select * from invoice_marks')).toEqual([])
  })

  test('with what it knows, and no word of the person', async () => {
    const about = order()
    await tell('refunded', about)
    const [mark] = await invoices.sql('select * from invoice_marks')
    expect(mark).toEqual({
      order_id: about.orderId,
      order_version: 4,
      paid_at: null,
      voided_at: new Date(orderRefunded.example.refundedAt),
      noted_at: expect.any(Date),
    })
  })

  test('and what comes later still counts, what is older does not', async () => {
    const about = order()
    await tell('paid', about)
    await tell('created', about)
    await tell('cancelled', about, { version: 2 })
    expect(await invoiceOf(about)).toMatchObject({ status: 'paid', order_version: 3 })
    await tell('refunded', about)
    expect(await typesOf(about)).toEqual(['invoice.issued 1', 'invoice.paid 2', 'invoice.voided 3'])
  })

  test('beside others of its batch that do not', async () => {
    const [early, known] = [order(), order()]
    await tell('created', known)
    await invoices.burst([message('cancelled', early), message('paid', known)])
    await invoices.settled(3)
    await tell('created', early)
    expect(await invoiceOf(early)).toMatchObject({ status: 'void' })
    expect(await invoiceOf(known)).toMatchObject({ status: 'paid' })
  })
})

describe('the customer', () => {
  test('who was not known when it was issued is learnt', async () => {
    const about = order({ customer: null })
    await tell('created', about)
    await tell('paid', about, { customer: { name: 'Bea', email: 'bea@example.com', locale: 'en' } })
    expect(await invoices.published(invoiceIssued)).toMatchObject([{ customer: null }])
    expect(await invoices.published(invoicePaid)).toMatchObject([{ customer: { name: 'Bea', locale: 'en' } }])
    expect(await invoiceOf(about)).toMatchObject({ customer_email: 'bea@example.com', locale: 'en' })
  })

  test('who was known stays the one it was issued to', async () => {
    const about = order()
    await tell('created', about)
    await tell('paid', about, { customer: { name: 'Bea', email: 'bea@example.com' } })
    expect(await invoices.published(invoicePaid)).toMatchObject([{ customer: orderCreated.example.customer }])
  })
})

describe('given together', () => {
  /** Hands messages to the consumer as one batch, as they may come from the queue. */
  const handle = (...batch: readonly { what: Told; about: Order }[]) =>
    invoices.resources.transact(tx =>
      handleBatch(
        batch.map(({ what, about }) => ({
          id: newId(),
          type: told[what].type,
          data: told[what].schema.parse(payloadOf(what, about)),
          correlationId: undefined,
          causedBy: undefined,
          publishedAt: undefined,
          trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: false },
        })) as never,
        tx,
        invoices.resources as never,
      ),
    )
  const { handle: handleBatch } = onOrderChanged

  test.each<[Told, Told]>([
    ['paid', 'refunded'],
    ['refunded', 'paid'],
  ])('%s and %s count by the versions of the order', async (first, second) => {
    const about = order()
    await tell('created', about)
    await handle({ what: first, about }, { what: second, about })
    expect(await typesOf(about)).toEqual(['invoice.issued 1', 'invoice.paid 2', 'invoice.voided 3'])
    expect(await invoiceOf(about)).toMatchObject({ status: 'void', version: 3, paid_at: expect.any(Date) })
  })

  test('before the order, they leave one mark', async () => {
    const about = order()
    await handle({ what: 'refunded', about }, { what: 'paid', about })
    expect(await invoices.sql('select order_version, paid_at is not null as paid from invoice_marks')).toEqual([
      { order_version: 4, paid: true },
    ])
  })

  test('with the erasure of the customer, one that was read before it does not bring them back', async () => {
    const about = order()
    await tell('created', about)
    await invoices.sql('update invoices set customer_name = null, customer_email = null, erased_at = now()')
    await handle({ what: 'paid', about })
    expect(await invoiceOf(about)).toMatchObject({ status: 'paid', customer_name: null, customer_email: null })
    expect(await invoices.published(invoicePaid)).toMatchObject([{ customer: null }])
  })
})

test('what another instance is just changing is waited for, and changed on', async () => {
  const about = order()
  await tell('created', about)
  let cancelling: Promise<unknown> | undefined
  await invoices.resources.transact(async tx => {
    await tx.query({ text: `update invoices set status = 'paid', paid_at = now(), order_version = 3, version = 2` })
    cancelling = tell('refunded', about)
    await waitUntil('it waits', async () => {
      const rows = await invoices.sql(`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query ilike '%invoices%'`)
      return rows.length > 0
    })
  })
  await cancelling
  expect(await invoiceOf(about)).toMatchObject({ status: 'void', version: 3, paid_at: expect.any(Date) })
})
