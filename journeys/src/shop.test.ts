import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { freePort } from './harness/port.ts'
import { serviceNames } from './harness/service-process.ts'
import type { Stocked } from './harness/shop-invariants.ts'
import { Shop, type Customer, type Json } from './harness/shop.ts'
import { until } from './harness/until.ts'
import { verifyShop } from './harness/verify-shop.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

// Two replicas of every service on one broker and one PostgreSQL, behind the gateway, with a mail server that catches all.
let feira: Feira
let shop: Shop
let mail: MailServer
let ana: Customer
const stocked: Stocked[] = []

beforeAll(async () => {
  mail = await startMailServer({ port: await freePort(), httpPort: await freePort() })
  feira = await Feira.start({
    databaseUrl: inject('databaseUrl'),
    brokerUrl: inject('brokerUrl'),
    services: serviceNames,
    env: { SMTP_URL: mail.url },
  })
  await Promise.all(
    serviceNames.map(async name => {
      const replica = await feira.addReplica(name)
      await replica.start({}, '/ready')
    }),
  )
  shop = new Shop(feira)
  ana = await shop.register()
})
afterAll(async () => {
  await feira?.tearDown()
  await mail?.stop()
})

async function stock(pieces: number, price?: number): Promise<string> {
  const productId = await shop.stock(pieces, price)
  stocked.push({ productId, initial: pieces })
  return productId
}

const subjectsTo = (email: string) =>
  mail.messages.filter(({ to }) => to.some(({ address }) => address === email)).map(({ subject }) => subject)

describe('an order', () => {
  test('is reserved, paid, shipped and completed; its invoice is paid, and its customer told', async () => {
    const productId = await stock(10)
    const id = await shop.orderOne(ana, productId, 2)
    expect(await shop.untilOrder(id, 'reserved')).toMatchObject({ totalCents: 5980 })
    await until('two pieces are set aside', async () => (await shop.product(productId)).reserved === 2)
    const invoice = await shop.untilInvoice(id, 'issued')
    expect((await shop.post(`/orders/${id}/pay`, undefined, ana.headers)).status).toBe(200)
    expect((await shop.send('PATCH', `/orders/${id}/status`, { status: 'shipped' })).status).toBe(200)
    expect((await shop.post(`/orders/${id}/complete`)).status).toBe(200)
    await shop.untilInvoice(id, 'paid')
    const pdf = await shop.get(`/invoices/${String(invoice['id'])}/pdf`, ana.headers)
    expect(pdf.status).toBe(200)
    expect(pdf.headers.get('content-type')).toBe('application/pdf')
    await until('two pieces are sold', async () => (await shop.product(productId)).reserved === 0)
    expect(await shop.product(productId)).toMatchObject({ stock: 8, reserved: 0 })
    const { body } = await shop.get(`/orders/${id}/history`, ana.headers)
    const states = (body as { items: Json[] }).items.map(({ status }) => status)
    expect(states).toEqual(['pending', 'reserved', 'paid', 'shipped', 'completed'])
    await verifyShop(feira, { shop, mail, stocked })
    expect(subjectsTo(ana.email).length).toBeGreaterThanOrEqual(6)
  })

  test('that is cancelled gives its stock back, voids its invoice, and its customer is told', async () => {
    const productId = await stock(5)
    const id = await shop.orderOne(ana, productId, 3)
    await shop.untilOrder(id, 'reserved')
    const told = subjectsTo(ana.email).length
    expect((await shop.post(`/orders/${id}/cancel`, { reason: 'changed my mind' }, ana.headers)).status).toBe(200)
    await shop.untilInvoice(id, 'void')
    await until('the pieces are back', async () => (await shop.product(productId)).stock === 5)
    await until('she is told', () => subjectsTo(ana.email).length > told)
    await verifyShop(feira, { shop, mail, stocked })
  })

  test('of fifty for the last ten pieces, ten win', async () => {
    const productId = await stock(10)
    // A product that app-orders does not know yet is waited for.
    const answers = await Promise.all(Array.from({ length: 50 }, () => shop.order(ana, productId)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    const ids = answers.map(({ body }) => String((body as Json)['id']))
    const orders = await Promise.all(ids.map(id => shop.untilOrder(id, 'reserved', 'cancelled')))
    expect(orders.filter(({ status }) => status === 'reserved')).toHaveLength(10)
    expect(await shop.product(productId)).toMatchObject({ stock: 0, reserved: 10 })
    await verifyShop(feira, { shop, mail, stocked })
  })

  test('is paid by a message from outside, once, whatever comes twice', async () => {
    const productId = await stock(3)
    const id = await shop.orderOne(ana, productId)
    const body = JSON.stringify({ orderId: id, amountCents: 2990, currency: 'BRL', paymentReference: 'pay-1' })
    // Perhaps before the stock is set aside, and twice under different message ids.
    await feira.broker.publish([
      { type: 'payment.completed', body, options: { messageId: crypto.randomUUID() } },
      { type: 'payment.completed', body, options: { messageId: crypto.randomUUID() } },
    ])
    expect(await shop.untilOrder(id, 'paid')).toMatchObject({ paymentReference: 'pay-1' })
    await shop.untilInvoice(id, 'paid')
    await verifyShop(feira, { shop, mail, stocked })
  })
})

test('somebody sees only what is hers', async () => {
  const bia = await shop.register('Bia Lima', 'en')
  const id = await shop.orderOne(ana, await stock(1))
  const invoice = await shop.untilInvoice(id, 'issued')
  for (const path of [
    `/orders/${id}`,
    `/orders/${id}/history`,
    `/invoices/${String(invoice['id'])}`,
    `/users/${ana.id}`,
  ]) {
    expect((await shop.get(path, bia.headers)).status, path).toBe(404)
    expect((await shop.get(path, {})).status, path).toBe(401)
  }
  expect((await shop.post(`/orders/${id}/pay`, undefined, bia.headers)).status).toBe(404)
  expect(await shop.all('/orders', bia.headers)).toEqual([])
  expect((await shop.post('/products', {}, bia.headers)).status).toBe(403)
  await verifyShop(feira, { shop, mail, stocked })
})

test('a customer who is deleted is in no database afterwards, also not by what arrives late', async () => {
  const eva = await shop.register('Eva Prado')
  const productId = await stock(20)
  const paid = await shop.orderOne(eva, productId)
  await shop.untilOrder(paid, 'reserved')
  await shop.post(`/orders/${paid}/pay`, undefined, eva.headers)
  const open = await shop.orderOne(eva, productId)
  await shop.untilInvoice(paid, 'paid')
  const seen = await feira.broker.seen()
  // She orders while she is being deleted.
  const meanwhile = Promise.all(Array.from({ length: 10 }, () => shop.order(eva, productId)))
  expect((await shop.send('DELETE', `/users/${eva.id}`)).status).toBe(204)
  await meanwhile
  // What was published about her before arrives once more.
  const old = seen.filter(({ body }) => JSON.stringify(body).includes(eva.email))
  expect(old.length).toBeGreaterThan(3)
  await feira.broker.publish(
    old.map(({ type, body }) => ({ type, body: JSON.stringify(body), options: { messageId: crypto.randomUUID() } })),
  )
  await shop.untilOrder(open, 'cancelled')
  await until('nothing names her', async () => (await databasesNaming(eva.email)).length === 0, 90_000)
  expect(await databasesNaming('Eva Prado')).toEqual([])
  const { body } = await shop.get(`/orders/${paid}`)
  expect(body).toMatchObject({ status: 'paid', userId: eva.id })
  expect(await shop.untilInvoice(paid, 'paid')).toMatchObject({ totalCents: 2990 })
})

/** Every table of every database that holds this text. */
async function databasesNaming(text: string): Promise<string[]> {
  const found: string[] = []
  for (const [name, database] of Object.entries(feira.databases)) {
    const tables = await database.rows<{ table: string }>(
      `select format('%I.%I', table_schema, table_name) as table from information_schema.tables
       where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    )
    for (const { table } of tables) {
      const [row] = await database.rows<{ n: number }>(
        `select count(*)::int as n from ${table} t where t::text ilike '%' || $1 || '%'`,
        [text],
      )
      if (row?.n) found.push(`${name}: ${table} (${row.n})`)
    }
  }
  return found
}
