import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { Partner, returnOf, saleOf, stockOf } from './harness/partner.ts'
import { freePort } from './harness/port.ts'
import { serviceNames } from './harness/service-process.ts'
import type { Stocked } from './harness/shop-invariants.ts'
import { Shop, type Json } from './harness/shop.ts'
import { until } from './harness/until.ts'
import { verifyShop } from './harness/verify-shop.ts'
import { isSigned, WebhookTarget } from './harness/webhook-target.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

// Two replicas of every service behind the gateway.
let feira: Feira
let shop: Shop
let mail: MailServer
let target: WebhookTarget
let padaria: Partner
const partners: Partner[] = []
const stocked: Stocked[] = []

/** Of a piece, in cents. */
const price = 2_990

beforeAll(async () => {
  mail = await startMailServer({ port: await freePort(), httpPort: await freePort() })
  target = await WebhookTarget.start()
  feira = await Feira.start({
    databaseUrl: inject('databaseUrl'),
    brokerUrl: inject('brokerUrl'),
    services: serviceNames,
    env: { SMTP_URL: mail.url, PARTNER_LIMIT_PER_MINUTE: '100000', PARTNER_LIMIT_PER_SECOND: '10000' },
  })
  await Promise.all(serviceNames.map(async name => (await feira.addReplica(name)).start({}, '/ready')))
  shop = new Shop(feira)
  padaria = await add('Padaria Sol', { webhookUrl: target.url })
})
afterAll(async () => {
  await feira?.tearDown()
  await target?.stop()
  await mail?.stop()
})

async function add(...[name, options]: [name: string, options?: Parameters<typeof Partner.add>[2]]): Promise<Partner> {
  const partner = await Partner.add(shop, name, options)
  partners.push(partner)
  return partner
}

async function stock(pieces: number): Promise<string> {
  const productId = await shop.stock(pieces)
  stocked.push({ productId, initial: pieces })
  return productId
}

/** Waits for the end of an event. @returns the event. */
function untilEnd(id: string): Promise<Json> {
  return until(`event ${id} ends`, async () => {
    const { body } = await shop.get(`/events/${id}`)
    return ['completed', 'refused', 'dead'].includes(String((body as Json)['status'])) && (body as Json)
  })
}

const codeOf = (event: Json) => (event['outcome'] as Json | null)?.['code']

/** Waits for a webhook about an event. */
const untilTold = (id: string) =>
  until(`its partner is told of event ${id}`, () =>
    target.hooks.find(({ body }) => (body['data'] as Json)['id'] === id),
  )

async function verify() {
  return verifyShop(feira, { shop, mail, stocked, promisedEvents: partners.flatMap(({ accepted }) => accepted) })
}

describe("a partner's event", () => {
  test('becomes an order, and its return undoes it; the partner is told of both, signed', async () => {
    const productId = await stock(10)
    const sale = await padaria.tell(saleOf(productId, 2, 2 * price))
    const sold = await untilEnd(sale)
    expect(sold).toMatchObject({ status: 'completed', orderId: expect.any(String) })
    const orderId = String(sold['orderId'])
    expect(await shop.untilOrder(orderId, 'reserved')).toMatchObject({ totalCents: 2 * price, userId: padaria.id })
    const hook = await untilTold(sale)
    expect(hook.body).toMatchObject({ type: 'event.completed', data: { id: sale, status: 'completed', orderId } })
    expect([isSigned(hook, padaria.webhookSecret), isSigned(hook, 'whsec_AAAA')]).toEqual([true, false])

    // By the event's id, and then by the order's: there is nothing left to undo.
    const returned = await padaria.tell({ ...returnOf(sale), tipo: 'devolucao' })
    expect(await untilEnd(returned)).toMatchObject({ status: 'completed', orderId })
    await shop.untilOrder(orderId, 'cancelled')
    const again = await padaria.tell(returnOf(orderId))
    expect(await untilEnd(again)).toMatchObject({ status: 'refused', outcome: { code: 'invalid-transition' } })
    await until('the pieces are back', async () => (await shop.product(productId)).stock === 10)
    expect((await untilTold(returned)).body).toMatchObject({ type: 'event.completed' })
    await verify()
  })

  test('is refused by the rules of the shop: another price, too little stock, no such product, no such sale', async () => {
    const productId = await stock(3)
    const foreign = await (await add('Café Lua')).tell(saleOf(productId, 1, price))
    await untilEnd(foreign)
    const refused = await Promise.all(
      [
        saleOf(productId, 1, price + 1),
        saleOf(productId, 3, 3 * price),
        saleOf('SKU-UNHEARD-OF', 1, price),
        returnOf(foreign),
        stockOf('SKU-UNHEARD-OF', 5),
      ].map(async event => untilEnd(await padaria.tell(event))),
    )
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 'refused'))
    expect(refused.map(codeOf)).toEqual([
      'price-changed',
      'order-cancelled',
      'product-unknown',
      'sale-unknown',
      'product-unknown',
    ])
    await verify()
  })

  test('sets the stock', async () => {
    const productId = await shop.stock(3)
    const { body } = await shop.get(`/products/${productId}`)
    const event = await untilEnd(await padaria.tell(stockOf(String((body as Json)['sku']), 40)))
    expect(event['status']).toBe('completed')
    await until('the shop shows it', async () => (await shop.product(productId)).stock === 40)
    await verify()
  })

  test('is one event, however often it is sent', async () => {
    const event = saleOf(await stock(5), 1, price)
    const answers = await Promise.all(Array.from({ length: 5 }, () => padaria.send(event)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    const ids = new Set(answers.map(({ body }) => String((body as Json)['id'])))
    expect(ids.size).toBe(1)
    await untilEnd([...ids][0] as string)
    expect((await padaria.send({ ...event, dados: { ...event.dados, quantidade: 2 } })).status).toBe(422)
    await verify()
  })

  test('of a batch is accepted or refused alone', async () => {
    const productId = await stock(100)
    const good = Array.from({ length: 97 }, () => saleOf(productId, 1, price))
    const bad = [{ tipo: 'VENDA', dados: {} }, { tipo: 'PRESENTE', dados: {} }, saleOf(productId, 0, price)]
    const { status, body } = await padaria.sendBatch([...bad, ...good])
    expect([status, body]).toEqual([202, expect.objectContaining({ accepted: 97, invalid: 3, duplicates: 0 })])
    const ids = (body as { items: { id?: string }[] }).items.flatMap(({ id }) => id ?? [])
    await until('all of them end', async () => (await completed(ids)) === 97)
    await verify()
  })

  test("is nobody else's business, and neither is a revoked key's", async () => {
    const other = await add('Bistrô Mar')
    const id = await padaria.tell(saleOf(await stock(1), 1, price))
    expect((await shop.get(`/events/${id}`, other.headers)).status).toBe(404)
    expect((await shop.get(`/events/${id}`, {})).status).toBe(401)
    expect((await shop.get('/partners', other.headers)).status).toBe(403)
    const keys = (await shop.all(`/partners/${other.id}/keys`)).map(key => String(key['id']))
    for (const key of keys) {
      expect((await shop.send('DELETE', `/partners/${other.id}/keys/${key}`)).status).toBe(204)
    }
    expect((await other.send(stockOf('ANY', 1))).status).toBe(401)
    await untilEnd(id)
    await verify()
  })
})

test('of a burst of 1,000 events while app-products is away, none is lost, and each is completed once', async () => {
  const productId = await stock(5_000)
  const sellers = [padaria, ...(await Promise.all(['Sol', 'Lua', 'Mar', 'Rio'].map(name => add(`Loja ${name}`))))]
  // One that app-orders knows already, so that nothing but the stock is missing.
  await untilEnd(await padaria.tell(saleOf(productId, 1, price)))
  for (const products of feira.replicas('products')) expect(await products.stop()).toEqual({ code: 0, signal: null })
  const told = await Promise.all(
    sellers.map(async seller => {
      const ids: string[] = []
      for (let count = 0; count < 200; count++) ids.push(await seller.tell(saleOf(productId, 1, price)))
      return ids
    }),
  )
  const ids = told.flat()
  expect(new Set(ids).size).toBe(1_000)
  await until('all orders wait for their stock', async () => (await pendingOrders()) === 1_000)
  expect(await completed(ids)).toBe(0)
  await Promise.all(feira.replicas('products').map(products => products.start({}, '/ready')))
  await until('all are completed', async () => (await completed(ids)) === 1_000, 60_000)
  await verify()
  expect(await shop.product(productId)).toMatchObject({ reserved: 1_001, stock: 3_999 })
})

async function completed(ids: readonly string[]): Promise<number> {
  const [row] = await feira.databases.partners.rows<{ n: number }>(
    `select count(*)::int as n from events where id = any($1::uuid[]) and state = 'completed'`,
    [ids],
  )
  return row?.n ?? 0
}

async function pendingOrders(): Promise<number> {
  const [row] = await feira.databases.orders.rows<{ n: number }>(
    `select count(*)::int as n from orders where status = 'pending' and origin_event_id is not null`,
  )
  return row?.n ?? 0
}
