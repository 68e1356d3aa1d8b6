import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { Customers } from './harness/customers.ts'
import type { DatabaseWatch } from './harness/database-watch.ts'
import { EventStream } from './harness/event-stream.ts'
import { Feira } from './harness/feira.ts'
import { watchModel } from './harness/model-watch.ts'
import { freePort } from './harness/port.ts'
import { serviceNames } from './harness/service-process.ts'
import type { Stocked } from './harness/shop-invariants.ts'
import { Shop, type Customer, type Json } from './harness/shop.ts'
import { until } from './harness/until.ts'
import { verifyShop } from './harness/verify-shop.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

// Two replicas of app-queries, so that the one that hears of an event need not be the one that is asked.
let feira: Feira
let shop: Shop
let mail: MailServer
let watch: DatabaseWatch
let ana: Customer
const stocked: Stocked[] = []
const streams: EventStream[] = []

beforeAll(async () => {
  mail = await startMailServer({ port: await freePort(), httpPort: await freePort() })
  feira = await Feira.start({
    databaseUrl: inject('databaseUrl'),
    brokerUrl: inject('brokerUrl'),
    services: serviceNames,
    env: { SMTP_URL: mail.url },
  })
  await (await feira.addReplica('queries')).start({}, '/ready')
  shop = new Shop(feira)
  ana = await shop.register()
  watch = watchModel(feira.databases.queries)
  await untilRebuilt()
})
afterEach(async () => {
  await Promise.all(streams.splice(0).map(stream => stream.breakOff()))
})
afterAll(async () => {
  await watch?.stop()
  await feira?.tearDown()
  await mail?.stop()
})

async function stock(pieces: number): Promise<string> {
  const productId = await shop.stock(pieces)
  stocked.push({ productId, initial: pieces })
  return productId
}

/** @returns the body of an answer that must be one of success. */
async function ask(
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
  headers = feira.admin,
): Promise<Json> {
  const answer = await (method === 'GET' ? shop.get(path, headers) : method === 'POST' ? shop.post(path, body, headers) : shop.send(method, path, body, headers)) // prettier-ignore
  expect([path, answer.status, answer.body]).toEqual([path, expect.toSatisfy(isSuccess), expect.anything()])
  return answer.body as Json
}

const isSuccess = (status: number) => status >= 200 && status < 300

/** Leads an order from reserved to its end. @returns what each step was answered. */
async function* lead(id: string): AsyncGenerator<Json> {
  yield shop.untilOrder(id, 'reserved')
  yield ask('POST', `/orders/${id}/pay`, undefined, ana.headers)
  yield ask('PATCH', `/orders/${id}/status`, { status: 'shipped' })
  yield ask('POST', `/orders/${id}/complete`)
}

async function open(path: string, after?: string): Promise<EventStream> {
  const stream = await EventStream.open(feira.url + path, { headers: ana.headers, after })
  streams.push(stream)
  return stream
}

/** Waits until the rebuild that runs, or the last one, is completed. @returns what is shown of it. */
function untilRebuilt(requestId?: unknown): Promise<Json> {
  return until('the model is rebuilt', async () => {
    const { body } = await shop.get('/q/rebuild')
    const rebuild = body as Json
    if (rebuild['state'] === 'failed') throw new Error(String(rebuild['reason']))
    return (
      rebuild['state'] === 'completed' && (requestId === undefined || rebuild['requestId'] === requestId) && rebuild
    )
  })
}

describe('an order', () => {
  test('shows each version to whoever has just been told of it, and all that belongs to it by and by', async () => {
    const productId = await stock(10)
    const { id, version } = (await shop.order(ana, productId, 2)).body as Json
    const first = await ask('GET', `/q/orders/${String(id)}?minVersion=${String(version)}`, undefined, ana.headers)
    expect(first).toMatchObject({ id, userId: ana.id, totalCents: 5980 })
    for await (const { version: reached, status } of lead(String(id))) {
      const seen = await ask('GET', `/q/orders/${String(id)}?minVersion=${String(reached)}`, undefined, ana.headers)
      expect([seen['version'], seen['status']]).toEqual([reached, status])
    }
    const whole = await until('all parts are there', async () => {
      const order = await ask('GET', `/q/orders/${String(id)}`, undefined, ana.headers)
      const letters = order['notifications'] as Json[]
      return (order['invoice'] as Json | null)?.['status'] === 'paid' && letters.length >= 5 && order
    })
    expect(whole).toMatchObject({
      status: 'completed',
      user: { id: ana.id, email: ana.email },
      items: [{ productId, name: 'Café da Serra 250 g', quantity: 2, unitPriceCents: 2990 }],
      invoice: { totalCents: 5980 },
    })
    expect((whole['notifications'] as Json[]).map(({ recipient }) => recipient)).toEqual(
      (whole['notifications'] as Json[]).map(() => ana.email),
    )
    expect((await shop.get(`/q/orders/${String(id)}?minVersion=99`, ana.headers)).status).toBe(409)
    await verifyShop(feira, { shop, mail, stocked, watches: [watch] })
  })

  test('is in the lists and the timeline of whoever may see it, and of nobody else', async () => {
    const id = await shop.orderOne(ana, await stock(1))
    await ask('GET', `/q/orders/${id}?minVersion=2`, undefined, ana.headers)
    const bia = await shop.register('Bia Lima')
    for (const path of [`/q/orders/${id}`, `/q/orders/${id}/timeline`]) {
      expect((await shop.get(path, bia.headers)).status, path).toBe(404)
      expect((await shop.get(path, {})).status, path).toBe(401)
    }
    expect(await shop.all('/q/orders', bia.headers)).toEqual([])
    const list = await shop.all(`/q/orders?user_id=${ana.id}&status=RESERVED`)
    expect(list.map(order => order['id'])).toContain(id)
    const entries = await shop.all(`/q/orders/${id}/timeline`, ana.headers)
    const own = entries.filter(({ service }) => service === 'orders')
    expect(new Set(own.map(({ type }) => type))).toEqual(new Set(['order.created', 'order.reserved']))
    expect(own).toHaveLength(2)
    for (const entry of entries) {
      expect(entry).toMatchObject({ lagMs: expect.any(Number), traceId: expect.stringMatching(/^[0-9a-f]{32}$/) })
    }
  })
})

const positionsOf = (entries: readonly Json[]) => entries.map(({ position }) => Number(position))

describe('a stream', () => {
  test('tells whoever connects first and orders second each step, whichever replica they reach', async () => {
    // The gateway lets the replicas take turns.
    const both = await Promise.all([open('/q/timeline'), open('/q/timeline')])
    const id = await shop.orderOne(ana, await stock(1))
    for await (const { version } of lead(id)) await ask('GET', `/q/orders/${id}?minVersion=${String(version)}`)
    for (const stream of both) {
      await stream.untilData('the end', ({ orderId, type }) => orderId === id && type === 'order.completed')
      const own = stream.data.filter(({ orderId, service }) => orderId === id && service === 'orders')
      // The first two are published within milliseconds, and each replica may hear of one: either may be told first.
      const [first, second, ...later] = own.map(({ version }) => version)
      expect([new Set([first, second]), later]).toEqual([new Set([1, 2]), [3, 4, 5]])
      expect(positionsOf(own)).toEqual(positionsOf(own).toSorted((a, b) => a - b))
    }
    const [one, other] = both.map(stream => positionsOf(stream.data.filter(({ orderId }) => orderId === id)))
    expect(one?.slice(0, 5)).toEqual(other?.slice(0, 5))
  })

  test('goes on after the last event that was seen, although its connection and its replica were lost', async () => {
    const id = await shop.orderOne(ana, await stock(1))
    await shop.untilOrder(id, 'reserved')
    await ask('GET', `/q/orders/${id}?minVersion=2`, undefined, ana.headers)
    const path = `/q/orders/${id}/timeline`
    const first = await open(path)
    await first.untilData('that it is reserved', ({ type }) => type === 'order.reserved')
    await first.breakOff()
    const seen = first.events.at(-1)?.id
    expect(seen).toBeDefined()
    await feira.service('queries').kill()
    feira.service('queries').inRotation = false
    await ask('POST', `/orders/${id}/pay`, undefined, ana.headers)
    const second = await open(path, seen)
    await second.untilData('that it is paid', ({ type }) => type === 'order.paid')
    await feira.service('queries').start({}, '/ready')
    await ask('PATCH', `/orders/${id}/status`, { status: 'shipped' })
    await second.untilData('that it is shipped', ({ type }) => type === 'order.shipped')
    const whole = (await shop.all(path, ana.headers)).map(({ messageId }) => messageId)
    const told = [...first.data, ...second.data].map(({ messageId }) => messageId)
    expect(told).toEqual(whole.slice(0, told.length))
    expect(new Set(told).size).toBe(told.length)
  })
})

describe('a rebuild', () => {
  test('under running traffic leaves no read unanswered, and the model as the owners have it', async () => {
    const people = await Promise.all(['Caio Melo', 'Davi Reis', 'Eva Prado'].map(name => shop.register(name)))
    const customers = new Customers({ feira, people, products: [await stock(2_000), await stock(2_000)] })
    const known = await shop.orderOne(ana, await stock(1))
    await ask('GET', `/q/orders/${known}?minVersion=2`)
    const readers = new Readers(['/q/orders', '/q/products', '/q/users', `/q/orders/${known}`])
    customers.keepComing({ pause: 20 })
    await until('there are orders', () => customers.accepted.length > 20)
    const before = await timeline()
    const { requestId } = await ask('POST', '/q/rebuild')
    expect((await shop.post('/q/rebuild')).status).toBe(409)
    const shown = await ask('GET', '/q/rebuild')
    expect(shown).toMatchObject({ requestId, kinds: expect.arrayContaining([expect.objectContaining({ kind: 'order', owner: 'orders' })]) }) // prettier-ignore
    const { kinds } = await untilRebuilt(requestId)
    const orders = (kinds as Json[]).find(({ kind }) => kind === 'order')
    expect([orders?.['received'], Number(orders?.['expected']) > 20]).toEqual([orders?.['expected'], true])
    await until('more orders are placed', () => customers.accepted.length > 40)
    await customers.leave()
    expect(await readers.leave()).toEqual([])
    expect(readers.answers).toBeGreaterThan(50)
    await customers.insist()
    await verifyShop(feira, { shop, mail, stocked, watches: [watch] })
    expect(watch.looks).toBeGreaterThan(10)
    const after = new Set(await timeline())
    expect(before.filter(entry => !after.has(entry))).toEqual([])
  })

  test('whose every replica is killed half-way through goes on when one is started again', async () => {
    // It cannot end before app-orders has answered.
    feira.orders.program.signal('SIGSTOP')
    const { requestId } = await ask('POST', '/q/rebuild')
    await until('others have answered', async () => {
      const { kinds } = await ask('GET', '/q/rebuild')
      return (kinds as Json[]).some(({ kind, received }) => kind === 'user' && Number(received) > 0)
    })
    const killed = { code: null, signal: 'SIGKILL' }
    expect(await Promise.all(feira.replicas('queries').map(replica => replica.kill()))).toEqual([killed, killed])
    feira.orders.program.signal('SIGCONT')
    await Promise.all(feira.replicas('queries').map(replica => replica.start({}, '/ready')))
    expect(await untilRebuilt(requestId)).toMatchObject({ requestId })
    await verifyShop(feira, { shop, mail, stocked, watches: [watch] })
  })

  /** All that was ever told, with its places. */
  async function timeline(): Promise<string[]> {
    const rows = await feira.databases.queries.rows<{ entry: string }>(`select t::text as entry from timeline t`)
    return rows.map(({ entry }) => entry)
  }
})

/** An admin who reads everything again and again. */
class Readers {
  answers = 0
  readonly #failures: string[] = []
  readonly #reading: Promise<unknown>
  #open = true

  constructor(paths: readonly string[]) {
    this.#reading = Promise.all(paths.map(path => this.#read(path)))
  }

  /** @returns the answers that were none of success. */
  async leave(): Promise<string[]> {
    this.#open = false
    await this.#reading
    return this.#failures
  }

  async #read(path: string): Promise<void> {
    while (this.#open) {
      const { status, body } = await shop.get(path)
      if (status === 200) this.answers++
      else this.#failures.push(`${path} was answered ${status}: ${JSON.stringify(body)}`)
    }
  }
}
