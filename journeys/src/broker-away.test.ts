import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker } from '@feira/local/src/broker/broker.ts'
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { consumerQueue, Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import type { OrderBook } from './harness/order-book.ts'
import type { ServiceProcess } from './harness/service-process.ts'
import { takeSnapshot } from './harness/snapshot.ts'
import { TcpProxy } from './harness/tcp-proxy.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

describe('while the broker cannot be reached', () => {
  let proxy: TcpProxy
  let feira: Feira
  let book: OrderBook

  beforeAll(async () => {
    proxy = await TcpProxy.to(inject('brokerUrl'))
    // Silence is noticed after two missed heartbeats, so within 4 s.
    const brokerUrl = `${inject('brokerUrl')}?heartbeat=2`
    feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl, network: { broker: proxy } })
    book = feira.book
  })
  afterEach(async () => {
    await book.stopPlacing()
    await proxy.restore()
  })
  afterAll(async () => {
    await feira?.tearDown()
    await proxy?.close()
  })

  const pending = async () => {
    const { outbox } = await takeSnapshot(feira)
    return outbox.orders.filter(({ state }) => state === 'pending').length
  }

  async function expectNotReady(service: ServiceProcess): Promise<void> {
    await until(`app-${service.name} is not ready`, async () => (await request(`${service.url}/ready`)).status === 503)
    const { headers, body } = await request(`${service.url}/ready`)
    expect(headers.get('content-type')).toContain('application/problem+json')
    expect(headers.get('retry-after')).toBeTruthy()
    expect(body).toMatchObject({ code: 'not-ready', detail: expect.stringContaining('broker: ') })
    expect((await request(`${service.url}/live`)).status).toBe(200)
  }

  test('for 10 s, orders are accepted, and invoiced afterwards', async () => {
    await proxy.refuse()
    const before = book.answers.length
    book.keepPlacing({ clients: 4, pause: 50 })
    // The fault itself: so long it lasts.
    await Promise.all([sleep(10_000), expectNotReady(feira.orders), expectNotReady(feira.invoices)])
    expect(await pending()).toBeGreaterThan(50)
    await book.stopPlacing()
    const meanwhile = book.answers.slice(before)
    expect(meanwhile.filter(({ status }) => status !== 201)).toEqual([])
    expect(Math.max(...meanwhile.map(({ milliseconds }) => milliseconds))).toBeLessThan(5_000)

    await proxy.restore()
    await verify(feira)
    // The connection that a service listens on may find its broker later than the one that it publishes on.
    for (const { name, url } of [feira.orders, feira.invoices])
      await until(`app-${name} is ready`, async () => (await request(`${url}/ready`)).status === 200)
  })

  test('because its connections break again and again, nothing is lost or done twice', async () => {
    book.keepPlacing()
    for (let round = 1; round <= 6; round++) {
      const { accepted } = proxy
      const answered = book.answers.length
      expect(proxy.reset()).toBeGreaterThan(0)
      await until('all four connections are tried anew', () => proxy.accepted >= accepted + 4)
      // Every other time they break while they are still being set up. Not a wait: it chooses the moment.
      if (round % 2 === 0) await sleep(randomInt(40))
      else await until('more orders are placed', () => book.answers.length > answered + 20)
    }
    await book.stopPlacing()
    expect(book.answers.filter(({ status }) => status !== 201)).toEqual([])
    await verify(feira)
  })

  test('because nothing comes through, confirms included, orders are accepted and invoiced afterwards', async () => {
    book.keepPlacing({ clients: 4, pause: 50 })
    await until('orders arrive', async () => (await feira.invoices.metric('messages_handled_total')) > 0)
    const { accepted } = proxy
    proxy.silence()
    await Promise.all([expectNotReady(feira.orders), expectNotReady(feira.invoices)])
    await until('all connections were given up and tried anew', () => proxy.accepted >= accepted + 4)
    expect(await pending()).toBeGreaterThan(10)
    await book.stopPlacing()
    expect(book.answers.filter(({ status }) => status !== 201)).toEqual([])

    await proxy.restore()
    await verify(feira)
  })
})

test('a restart of the embedded broker keeps what it had confirmed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'feira-broker-away-'))
  let broker = await startBroker({ port: 0, dataDirectory: directory })
  onTestFinished(async () => {
    await broker.close()
    await rm(directory, { recursive: true })
  })
  const feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: broker.url })
  onTestFinished(() => feira.tearDown())
  const { book } = feira
  const depth = async () => (await feira.broker.depths([consumerQueue])).get(consumerQueue)

  await feira.invoices.stop()
  await book.placeMany({ count: 30 })
  await until('the messages wait in their queue', async () => (await depth()) === 30)
  await broker.close()
  await book.placeMany({ count: 30 })
  expect(book.accepted).toHaveLength(60)
  broker = await startBroker({ port: broker.port, dataDirectory: directory })
  await until('those of before and those of meanwhile are there', async () => (await depth()) === 60)
  await feira.invoices.start()
  await verify(feira)
})
