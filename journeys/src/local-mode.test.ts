import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { startPostgres } from '@feira/local/src/postgres/index.ts'
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { BrokerView } from './harness/broker.ts'
import { consumerQueue } from './harness/feira.ts'
import { post, request } from './harness/http.ts'
import { LocalSystem } from './harness/local-system.ts'
import { OrderBook } from './harness/order-book.ts'
import { run } from './harness/program.ts'
import { queuesOf } from './harness/queues.ts'
import { ServiceProcess, serviceNames } from './harness/service-process.ts'
import { until } from './harness/until.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 })

const clean = { code: 0, signal: null }
const killed = { code: null, signal: 'SIGKILL' }

describe('npm start', () => {
  let system: LocalSystem

  beforeAll(async () => {
    system = await LocalSystem.create()
  })
  afterEach(() => system.book.stopPlacing())
  afterAll(() => system?.destroy())

  /** Every order that a customer was promised is there with one invoice over the same amount, and nothing else is. */
  async function expectInvoiced(): Promise<void> {
    const promised = new Map(system.book.accepted.map(({ body, totalCents }) => [String(body?.['id']), totalCents]))
    const invoices = await until('every order has its invoice', async () => {
      const found = await system.list('/invoices')
      return found.length >= promised.size && found
    })
    const orders = await system.list('/orders')
    expect(new Map(orders.map(({ id, totalCents }) => [id, totalCents]))).toEqual(promised)
    expect(new Map(invoices.map(({ orderId, totalCents }) => [orderId, totalCents]))).toEqual(promised)
    expect(invoices).toHaveLength(promised.size)
    const numbers = invoices.map(({ number }) => Number(number.split('-')[1])).toSorted((a, b) => a - b)
    expect(numbers).toEqual(Array.from(numbers, (_, index) => index + 1))
  }

  async function expectCleanEnd(): Promise<void> {
    const { postgresPid } = system
    expect(await system.interrupt()).toEqual(clean)
    expect(() => process.kill(postgresPid, 0)).toThrow('ESRCH')
    for (const port of Object.values(system.ports)) await expectFree(port)
  }

  test('brings up everything, invoices an order, and Ctrl-C ends it without a trace', async () => {
    await system.start()
    for (const name of ['gateway', ...serviceNames, 'PostgreSQL', 'broker', 'e-mails', 'curl', 'npm run demo']) {
      expect(system.program.output).toContain(name)
    }
    await system.signIn()
    await system.book.placeOne()
    await expectInvoiced()
    const demo = await system.run(['demo'])
    for (const line of [
      /stock: 8 available, 2 reserved/,
      /invoice \d{4}-\d{6}, issued/,
      /the same order as before: yes/,
      /invoice \d{4}-\d{6} is paid; PDF, application\/pdf/,
      /stock: 5 available, 3 reserved/,
      /stock: 8 available, 0 reserved/,
      /invoice \d{4}-\d{6} is void/,
    ]) {
      expect(demo.output).toMatch(line)
    }
    expect(demo.code).toBe(0)
    // The demo placed two orders of its own.
    for (const { id, totalCents } of (await system.list('/orders')).slice(0, 2)) system.book.note({ id, totalCents })

    await expectCleanEnd()
  })

  test('with SERVICES=orders takes orders, keeps them through kill -9, and app-invoices finds them when it comes', async () => {
    await system.start([], { SERVICES: 'orders' })
    expect(await request(`${system.url}/invoices`)).toMatchObject({ status: 503, body: { status: 503 } })
    await system.book.placeMany({ count: 20 })
    expect(await system.kill()).toEqual(killed)

    await system.start()
    await expectInvoiced()
  })

  test.each([
    ['in one process', []],
    ['with --processes', ['--processes']],
  ])('%s loses nothing by a kill -9 under load', async (_how, args) => {
    if (!system.program.running) await system.start(args)
    const before = system.book.accepted.length
    system.book.keepPlacing()
    await until('orders are accepted', () => system.book.accepted.length > before + 50)
    expect(await system.kill()).toEqual(killed)
    await until('customers notice', () => system.book.answers.at(-1)?.status !== 201)
    await system.book.stopPlacing()

    await system.start(args)
    await system.book.insist()
    await expectInvoiced()
    await expectCleanEnd()
  })

  test('says of every port that is taken which variable moves it', async () => {
    for (const port of Object.values(system.ports)) {
      const squatter = createServer().listen(port, '127.0.0.1')
      await once(squatter, 'listening')
      onTestFinished(() => void squatter.close())
    }
    const { code, output } = await system.run()
    expect(code).toBe(1)
    for (const [variable, port] of Object.entries(system.ports)) {
      expect(output).toMatch(new RegExp(`port ${port} for .+: set ${variable} `))
    }
    expect(output).not.toContain('    at ')
  })

  test('names every bad variable at once', async () => {
    const { code, output } = await system.run([], { GATEWAY_PORT: 'eight', BROKER_PORT: '99999', SERVICES: 'order' })
    expect(code).toBe(1)
    for (const variable of ['GATEWAY_PORT', 'BROKER_PORT', 'SERVICES']) expect(output).toContain(variable)
    expect(output).not.toContain('    at ')
  })
})

test('npm run infra offers both servers to a service started alone', async () => {
  const system = await LocalSystem.create()
  onTestFinished(() => system.destroy())
  await system.start(['infra'], {}, 'PostgreSQL, the broker and the mail server are up.')
  const offered = new Map(
    [...system.program.output.matchAll(/# app-(\w+)((?:\s+export .*)+)/g)].map(([, name, lines = '']) => [
      name,
      Object.fromEntries([...lines.matchAll(/export (\w+)='(.*)'/g)].map(([, variable, value]) => [variable, value])),
    ]),
  )
  expect(new Set(offered.keys())).toEqual(new Set(serviceNames))
  const keysAt = (url: string) => ({ AUTH_JWKS_URL: `${url}/auth/jwks.json` })
  const users = await ServiceProcess.create('users', url => ({ ...offered.get('users'), ...keysAt(url) }))
  onTestFinished(() => users.destroy())
  const service = await ServiceProcess.create('orders', { ...offered.get('orders'), ...keysAt(users.url) })
  onTestFinished(() => service.destroy())
  await Promise.all([users.start({}, '/ready'), service.start({}, '/ready')])
  const { body } = await post(`${users.url}/auth/login`, { username: 'admin', password: 'admin' })
  const admin = { authorization: `Bearer ${(body as { access_token: string }).access_token}` }
  const book = new OrderBook(
    () => service.url,
    () => admin,
  )
  await book.placeOne()
  expect(await users.stop()).toEqual(clean)
  expect(await service.stop()).toEqual(clean)
  expect(await system.interrupt()).toEqual(clean)
})

test('npm start on real servers keeps nothing of its own', async () => {
  const system = await LocalSystem.create()
  onTestFinished(() => system.destroy())
  const postgres = await startPostgres({ dataDirectory: join(system.dataDirectory, 'theirs'), port: 0 })
  onTestFinished(() => postgres.stop())
  const namespace = `journey-${randomBytes(4).toString('hex')}.`
  const broker = new BrokerView(inject('brokerUrl'), namespace)
  onTestFinished(() =>
    broker.deleteAll(serviceNames.flatMap(name => queuesOf(name, [1_000, 2_000, 4_000, 8_000, 16_000]))),
  )

  await system.start([], {
    DATABASE_URL: postgres.url,
    BROKER_URL: broker.url,
    BROKER_NAMESPACE: namespace,
  })
  await system.signIn()
  await system.book.placeOne()
  await until('the order has its invoice', async () => (await system.list('/invoices')).length === 1)
  expect((await broker.depths([consumerQueue])).get(consumerQueue)).toBe(0)
  expect(existsSync(join(system.dataDirectory, 'postgres'))).toBe(false)
  expect(existsSync(join(system.dataDirectory, 'broker'))).toBe(false)
  expect(await system.interrupt()).toEqual(clean)
})

test('a service alone names every bad variable at once, and says how to get servers', async () => {
  const { code, output } = await run(['app-orders/src/main.ts'], { PORT: 'http', OUTBOX_POLL_INTERVAL: 'soon' })
  expect(code).toBe(1)
  for (const variable of ['DATABASE_URL', 'BROKER_URL', 'PORT', 'OUTBOX_POLL_INTERVAL', 'npm run infra']) {
    expect(output).toContain(variable)
  }
  expect(output).not.toContain('    at ')
})

async function expectFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
}
