import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startMailServer, type MailServer } from '@feira/local/src/mail/index.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { Customers, type Wish } from './harness/customers.ts'
import type { DatabaseWatch } from './harness/database-watch.ts'
import { Feira } from './harness/feira.ts'
import { watchModel } from './harness/model-watch.ts'
import { Partner } from './harness/partner.ts'
import { copiesOf, poisonFor, shuffled } from './harness/poison.ts'
import { freePort } from './harness/port.ts'
import { consumerQueues } from './harness/queues.ts'
import { serviceNames, type CrashPoint, type ServiceName } from './harness/service-process.ts'
import { Seller } from './harness/seller.ts'
import type { Stocked } from './harness/shop-invariants.ts'
import { Shop } from './harness/shop.ts'
import { watchStock } from './harness/stock-watch.ts'
import { TcpProxy } from './harness/tcp-proxy.ts'
import { until } from './harness/until.ts'
import { verifyShop } from './harness/verify-shop.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

// One shop that everything befalls: every service on one broker and one PostgreSQL, behind the gateway, with a mail server.
// The file is long because setting that up takes as long as a fault.
let feira: Feira
let customers: Customers
let proxy: TcpProxy
let mail: MailServer
let mailDirectory: string
let seller: Seller
let watches: readonly DatabaseWatch[] = []
let shop: Shop
const stocked: Stocked[] = []
const poison: string[] = []
let damaged = false

const everywhere: readonly CrashPoint[] = ['before-publish', 'after-publish', 'before-ack']
const killed = { code: null, signal: 'SIGKILL' }
const stopped = { code: 0, signal: null }

beforeAll(async () => {
  mailDirectory = await mkdtemp(join(tmpdir(), 'feira-shop-faults-'))
  mail = await startMail(await freePort(), await freePort())
  proxy = await TcpProxy.to(inject('brokerUrl'))
  feira = await Feira.start({
    databaseUrl: inject('databaseUrl'),
    brokerUrl: inject('brokerUrl'),
    services: serviceNames,
    network: { broker: proxy },
    env: { SMTP_URL: mail.url, SMTP_TIMEOUT: '1s', SMTP_PAUSE: '500ms', CACHE_TTL: '3s' },
  })
  shop = new Shop(feira)
  const people = await Promise.all(['Ana Souza', 'Bia Lima', 'Caio Melo', 'Davi Reis'].map(name => shop.register(name)))
  // One of them is soon sold out.
  for (const initial of [40, 2_000, 2_000, 2_000]) stocked.push({ productId: await shop.stock(initial), initial })
  customers = new Customers({ feira, people, products: stocked.map(({ productId }) => productId) })
  const products = stocked.map(({ productId }) => productId)
  seller = new Seller(
    await Partner.add(shop, 'Padaria Sol', { limitPerSecond: 1_000, limitPerMinute: 10_000 }),
    products,
  )
  watches = [watchStock(feira.databases.products), watchModel(feira.databases.queries)]
})
beforeEach(({ skip }) => skip(damaged, 'an earlier fault has done damage that stays'))
afterEach(async ({ task }) => {
  damaged ||= task.result?.state === 'fail'
  await customers.leave()
  await seller.leave()
  await proxy.restore()
  mail.answer('accept')
})
afterAll(async () => {
  await Promise.all(watches.map(watch => watch.stop()))
  await feira?.tearDown()
  await proxy?.close()
  await mail?.stop()
  await rm(mailDirectory, { recursive: true, force: true })
})

function startMail(port: number, httpPort: number): Promise<MailServer> {
  return startMailServer({ port, httpPort, dataDirectory: mailDirectory, maxMessages: 100_000 })
}

/** Everybody gets an answer at last, and then every invariant holds. */
async function settleAndVerify() {
  const looks = watches.map(each => each.looks)
  await customers.leave()
  await seller.leave()
  await customers.insist()
  await seller.insist()
  const { promised: promisedEvents } = seller
  const snapshot = await verifyShop(feira, { shop, mail, customers, watches, stocked, poison, promisedEvents })
  for (const [index, each] of watches.entries()) expect(each.looks).toBeGreaterThan(looks[index] as number)
  return snapshot
}

/** Customers and a partner who sells what they buy, too. */
function comeAll(): void {
  customers.keepComing()
  seller.keepSelling()
}

async function moreOrders(count: number): Promise<void> {
  const { length } = customers.accepted
  await until('more orders are accepted', () => customers.accepted.length >= length + count)
}

const depthOf = async (queue: string) => (await feira.broker.depths([queue])).get(queue) ?? 0

const count = async (service: ServiceName, from: string) => {
  const [row] = await feira.databases[service].rows<{ n: number }>(`select count(*)::int as n from ${from}`)
  return row?.n ?? 0
}

/** How often services recognised a message that they had handled before. */
async function duplicates(...names: readonly ServiceName[]): Promise<number> {
  const counts = names
    .flatMap(name => feira.replicas(name))
    .map(replica => replica.metric('messages_handled_total', { outcome: 'duplicate' }))
  return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0)
}

describe('while customers order, pay and cancel', () => {
  /** Where work waits while a service is gone. */
  const inboxes: Readonly<Record<ServiceName, string>> = {
    orders: 'orders.on-stock-reserved',
    invoices: 'invoices.on-order-created',
    users: 'users.on-order',
    products: 'products.on-stock-reserve',
    notifications: 'notifications.on-customer-event',
    queries: 'queries.on-order-event',
    partners: 'partners.on-order-answer',
  }

  /** Where each dies again; app-users has little to publish while it runs, and app-queries nothing. */
  const points: Readonly<Record<ServiceName, readonly CrashPoint[]>> = {
    users: [],
    queries: ['before-ack'],
    partners: ['after-publish', 'before-ack'],
    invoices: everywhere,
    products: everywhere,
    notifications: everywhere,
    orders: everywhere,
  }

  test('every service in turn is killed, and dies again between commit, publish, mark and acknowledgement', async () => {
    comeAll()
    const recoveries: Promise<void>[] = []
    for (const name of Object.keys(points) as ServiceName[]) {
      await moreOrders(2)
      expect(await feira.service(name).kill()).toEqual(killed)
      // Nobody can order while app-orders is gone: then customers notice.
      if (name === 'orders')
        await until('customers are turned away', () => customers.wishes.at(-1)?.answers.at(-1)?.status === 503)
      else await until(`work for app-${name} waits`, async () => (await depthOf(inboxes[name])) > 0)
      recoveries.push(recover(name))
    }
    await Promise.all(recoveries)
    const { outbox, seen } = await settleAndVerify()
    const times = Map.groupBy(seen, ({ id }) => id)
    for (const [name, deaths] of Object.entries(points) as [ServiceName, readonly CrashPoint[]][]) {
      if (deaths.length === 0) continue
      // What was published before the mark was published again; what was handled before the acknowledgement came again.
      const ids = await feira.databases[name].rows<{ id: string }>('select id from chassis.outbox')
      const own = new Set(ids.map(({ id }) => id))
      const again = outbox.filter(({ id }) => own.has(id) && (times.get(id)?.length ?? 0) > 1)
      const published = deaths.includes('after-publish')
      expect([name, again.length > 0, (await duplicates(name)) > 0]).toEqual([name, published, true])
    }
  })

  async function recover(name: ServiceName): Promise<void> {
    const service = feira.service(name)
    for (const point of points[name]) expect([name, point, await service.crash(point)]).toEqual([name, point, killed])
    await service.start()
  }

  test('the broker is away, its connections break, and PostgreSQL ends its own', async () => {
    comeAll()
    await moreOrders(5)
    for (let round = 1; round <= 3; round++) {
      const { accepted } = proxy
      expect(proxy.reset()).toBeGreaterThan(0)
      await until('connections are tried anew', () => proxy.accepted >= accepted + serviceNames.length)
      // Not a wait: it chooses the moment.
      await sleep(randomInt(100))
    }
    await proxy.refuse()
    for (let round = 1; round <= 4; round++) {
      // The fault itself: about so long it lasts.
      await Promise.all([sleep(700), moreOrders(2)])
      expect(await terminateBackends()).toBeGreaterThan(0)
    }
    expect(await count('orders', 'chassis.outbox where published_at is null')).toBeGreaterThan(10)
    await proxy.restore()
    await moreOrders(5)
    expect(await terminateBackends()).toBeGreaterThan(0)
    await moreOrders(5)
    await settleAndVerify()
    expect(feira.services.map(name => feira.service(name).program.running)).toEqual(serviceNames.map(() => true))
  })

  /** @returns how many connections to PostgreSQL it has ended. */
  async function terminateBackends(): Promise<number> {
    const ended = await Promise.all(Object.values(feira.databases).map(database => database.terminateBackends()))
    return ended.reduce((sum, each) => sum + each, 0)
  }

  test('the mail server puts off, hangs, and goes away; the process dies with e-mails in its hands', async () => {
    const attempts = (what: string) => count('notifications', `delivery_attempts where ${what}`)
    const { length } = mail.messages
    comeAll()
    mail.answer(451)
    await until('e-mails are put off', async () => (await attempts(`outcome = 'failed' and error like '%451%'`)) > 3)
    mail.answer('hang')
    await until(
      'nobody knows of an e-mail whether it was taken',
      async () => (await attempts(`outcome = 'unknown'`)) > 0,
    )
    const { port, httpPort } = mail
    await mail.stop()
    await Promise.all([
      sleep(1_500),
      until('e-mails wait', async () => (await depthOf('notifications.email-workers')) > 3),
    ])
    mail = await startMail(port, httpPort)
    await until('e-mails arrive again', () => mail.messages.length > length + 20)
    await customers.leave()

    const before = await duplicateLetters()
    await dieBetweenSendingAndMarking()
    await settleAndVerify()
    expect(await duplicateLetters()).toBeGreaterThan(before)
  })

  /** E-mails that came more than once. */
  async function duplicateLetters(): Promise<number> {
    return [...Map.groupBy(mail.messages, ({ messageId }) => messageId).values()].filter(same => same.length > 1).length
  }

  async function dieBetweenSendingAndMarking(): Promise<void> {
    const service = feira.service('notifications')
    await mail.stop()
    comeAll()
    await until('e-mails wait', async () => (await depthOf('notifications.email-workers')) > 0)
    await customers.leave()
    // That an e-mail was sent is noted together with an event, for which there is no room now.
    const hold = await feira.databases.notifications.hold('lock table chassis.outbox in exclusive mode')
    try {
      mail = await startMail(mail.port, mail.httpPort)
      const { length } = mail.messages
      await until('an e-mail was taken', () => mail.messages.length > length)
      await until('noting that waits', () => hold.isAwaited())
      expect(await service.kill()).toEqual(killed)
      // What has reached PostgreSQL would still be committed as soon as there is room.
      expect(await feira.databases.notifications.terminateBackends()).toBeGreaterThan(0)
    } finally {
      await hold.release()
    }
    await service.start()
  }

  test('poison comes to every queue, and everything comes again, in any order', async () => {
    const copied = await feira.broker.seen()
    comeAll()
    await moreOrders(5)
    const before = await duplicates(...serviceNames)
    const messages = poisonFor(serviceNames)
    poison.push(...messages.map(({ options }) => options.messageId))
    await feira.broker.publish(shuffled([...messages, ...copied.flatMap(copiesOf)]))
    await moreOrders(5)
    const { dead } = await settleAndVerify()
    expect(dead.length).toBeGreaterThanOrEqual(messages.length)
    const taken = new Set(consumerQueues(serviceNames).flatMap(({ types }) => types))
    const heardBefore = copied.filter(({ type }) => taken.has(type)).length
    expect(heardBefore).toBeGreaterThan(500)
    expect((await duplicates(...serviceNames)) - before).toBeGreaterThanOrEqual(heardBefore)
  })

  test('every service is replaced by another replica without anybody noticing, and killed beside one', async () => {
    const added = await Promise.all(serviceNames.map(name => feira.addReplica(name)))
    await Promise.all(added.map(replica => replica.start({}, '/ready')))
    const { length } = customers.wishes
    comeAll()
    await moreOrders(5)
    await Promise.all(
      serviceNames.map(async name => {
        expect([name, await feira.service(name).stop()]).toEqual([name, stopped])
        await feira.service(name).start({}, '/ready')
      }),
    )
    await moreOrders(5)
    const answers = customers.wishes.slice(length).flatMap(wish => wish.answers.map(({ status }) => status))
    expect(answers.length).toBeGreaterThan(50)
    expect(answers.filter(status => ![200, 201, 409, 503, 504].includes(status))).toEqual([])

    const before = customers.wishes.length
    expect(await Promise.all(added.map(replica => replica.kill()))).toEqual(added.map(() => killed))
    const isTurnedAway = ({ answers }: Wish) => answers.some(({ status }) => status === 503)
    await until('customers are turned away', () => customers.wishes.slice(before).some(isTurnedAway))
    for (const replica of added) replica.inRotation = false
    await moreOrders(5)
    const { partnership } = await settleAndVerify()
    const ended = Map.groupBy(partnership.events, ({ kind, state }) => `${kind} ${state}`)
    for (const end of ['sale completed', 'sale refused', 'return completed', 'return refused']) {
      expect([end, ended.has(end)]).toEqual([end, true])
    }
  })
})
