import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import type { Message, Payload } from '@feira/contracts'
import { invoiceIssued, invoicePaid } from '@feira/contracts/invoices'
import { notificationsEmail } from '@feira/contracts/notifications'
import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  orderPaid,
  orderRefunded,
  orderReserved,
  orderShipped,
} from '@feira/contracts/orders'
import { userCreated, userDeleted, userUpdated } from '@feira/contracts/users'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { service } from '../service.ts'
import { startMailing, type Mailing } from '../testing/mailing.ts'

let mailing: Mailing

beforeAll(async () => {
  mailing = await startMailing()
})
afterAll(() => mailing[Symbol.asyncDispose]())

let count = 0
const customer = (locale: 'pt-BR' | 'en' | null = 'pt-BR') => {
  return { name: 'Ana Souza', email: `ana-${++count}@example.com`, locale }
}

/** Delivers an event and waits until whatever it leads to has been sent. */
async function tell<M extends Message>(message: M, payload: Payload<M>, options?: object): Promise<void> {
  await mailing.notifications.deliver(message, payload, options)
  await waitUntil('nothing is left to send', async () => {
    return (await mailing.sql(`select 1 from notifications where status = 'pending'`)).length === 0
  })
}

const orderEvents: [Message, string, string][] = [
  [orderCreated, 'Recebemos o seu pedido', 'We have your order'],
  [orderReserved, 'tudo separado', 'all set aside'],
  [orderPaid, 'Pagamento do pedido', 'Payment for order'],
  [orderShipped, 'foi enviado', 'was shipped'],
  [orderCompleted, 'concluído', 'completed'],
  [orderCancelled, 'cancelado', 'cancelled'],
  [orderRefunded, 'Reembolso', 'Refund'],
]

describe.each(orderEvents)('$type', (message, portuguese, english) => {
  test.each([
    ['pt-BR', portuguese, /R\$\s29,99/],
    ['en', english, /R\$29\.99/],
    [null, portuguese, /R\$\s29,99/],
  ] as const)('is written to the customer in %s', async (locale, words, total) => {
    const [to, orderId] = [customer(locale), newId()]
    await tell(message, { ...(message.example as object), orderId, customer: to })
    const [mail, ...others] = mailing.mail.to(to.email)
    expect(others).toEqual([])
    expect(mail?.subject).toContain(words)
    expect(mail?.subject).toContain(orderId.slice(-6).toUpperCase())
    for (const part of [mail?.text, mail?.html]) {
      expect(part).toMatch(total)
      expect(part).toContain('Ana Souza')
      expect(part).toContain(orderId)
    }
  })
})

test('the invoice is announced with its number', async () => {
  const [to, ids] = [customer('en'), { invoiceId: newId(), orderId: newId() }]
  await tell(invoiceIssued, { ...invoiceIssued.example, ...ids, customer: to })
  const [mail] = mailing.mail.to(to.email)
  expect(mail?.subject).toBe('Invoice 2026-000042')
  const [row] = await mailing.sql('select * from notifications where recipient = $1', to.email)
  expect(row).toMatchObject({ template: 'invoice-issued', order_id: ids.orderId, aggregate_id: ids.invoiceId })
})

test('whoever registers is welcomed', async () => {
  const userId = newId()
  const { email, name, locale } = customer('en')
  await tell(userCreated, { ...userCreated.example, userId, email, name, locale: locale ?? 'en' })
  expect(mailing.mail.to(email)[0]?.subject).toBe('Welcome to Feira')
  const [row] = await mailing.sql('select * from notifications where recipient = $1', email)
  expect(row).toMatchObject({ template: 'user-created', user_id: userId, order_id: null, status: 'sent' })
})

test('nobody is advertised to by the name that somebody registered them under', async () => {
  const { email } = customer()
  await tell(userCreated, { ...userCreated.example, userId: newId(), email, name: 'Win at evil.example now' })
  const [mail] = mailing.mail.to(email)
  expect(`${mail?.subject} ${mail?.text} ${mail?.html}`).not.toContain('evil')
})

test('a product called <script> stays text', async () => {
  const to = customer()
  const items = [{ ...orderCreated.example.items[0]!, name: '<script>alert(1)</script>' }]
  await tell(orderCreated, { ...orderCreated.example, orderId: newId(), customer: to, items })
  const [mail] = mailing.mail.to(to.email)
  expect(mail?.html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(mail?.html).not.toContain('<script')
  expect(mail?.text).toContain('<script>alert(1)</script>')
})

test.each([null, { name: 'Ana', email: null }, { name: 'Ana', email: 'not an address' }])(
  'nothing is written to a customer of whom only %j is known',
  async customer => {
    const orderId = newId()
    await tell(orderPaid, { ...orderPaid.example, orderId, customer })
    await tell(invoiceIssued, { ...invoiceIssued.example, orderId, customer })
    expect(await mailing.sql('select 1 from notifications where order_id = $1', orderId)).toEqual([])
  },
)

test('nothing is written to somebody who was erased', async () => {
  const [userId, orderId, to] = [newId(), newId(), customer()]
  await mailing.notifications.deliver(userDeleted, { ...userDeleted.example, userId })
  await tell(orderPaid, { ...orderPaid.example, orderId, userId, customer: to })
  expect(await mailing.sql('select 1 from notifications where order_id = $1', orderId)).toEqual([])
  expect(mailing.mail.to(to.email)).toEqual([])
})

describe('one e-mail for each event', () => {
  test('however often its message comes', async () => {
    const [to, messageId, orderId] = [customer(), newId(), newId()]
    for (let time = 0; time < 3; time++)
      await tell(orderPaid, { ...orderPaid.example, orderId, customer: to }, { messageId })
    expect(mailing.mail.to(to.email)).toHaveLength(1)
  })

  test('however many messages tell of the same version, and another for the next event', async () => {
    const [to, orderId] = [customer(), newId()]
    const paid = { ...orderPaid.example, orderId, customer: to }
    await Promise.all([tell(orderPaid, paid), tell(orderPaid, paid), tell(orderPaid, paid)])
    expect(mailing.mail.to(to.email)).toHaveLength(1)
    await tell(orderShipped, { ...orderShipped.example, orderId, customer: to })
    expect(mailing.mail.to(to.email)).toHaveLength(2)
  })

  test('in a burst, with the trace and the conversation of each', async () => {
    const orders = Array.from({ length: 50 }, () => ({ ...orderPaid.example, orderId: newId(), customer: customer() }))
    await mailing.notifications.resources.transact(async tx => {
      for (const order of [...orders, ...orders]) tx.publish(orderPaid, order)
    })
    const recipients = orders.map(({ customer }) => customer.email)
    await waitUntil('all are sent', () => recipients.every(each => mailing.mail.to(each).length > 0))
    expect(recipients.map(each => mailing.mail.to(each).length)).toEqual(orders.map(() => 1))
    const causes = await mailing.sql(
      `select e.payload ->> 'orderId' as order from chassis.outbox w join chassis.outbox e on e.id::text = w.headers ->> 'caused-by'
       where w.type = 'notifications.email' and e.type = 'order.paid' and w.payload ->> 'orderId' = e.payload ->> 'orderId'`,
    )
    expect(causes.map(({ order }) => String(order)).toSorted()).toEqual(orders.map(({ orderId }) => orderId).toSorted())
  })
})

test('its work names whom it is for, so that it can be erased on its way', async () => {
  const [to, orderId] = [customer(), newId()]
  await tell(orderPaid, { ...orderPaid.example, orderId, customer: to })
  const works = await mailing.notifications.published(notificationsEmail)
  expect(works.find(work => work.to === to.email)).toMatchObject({
    userId: orderPaid.example.userId,
    orderId,
    priority: 'normal',
  })
})

test('other events are not listened to', () => {
  const types = service.consumers.flatMap(({ messages }) => messages.map(({ type }) => type))
  for (const { type } of [invoicePaid, userUpdated]) expect(types).not.toContain(type)
})
