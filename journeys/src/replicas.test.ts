import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import type { ServiceProcess } from './harness/service-process.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 90_000 })

let feira: Feira
let orders: ServiceProcess[]
let invoices: ServiceProcess[]

beforeAll(async () => {
  feira = await Feira.setUp({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl') })
  orders = [feira.orders, await feira.addReplica('orders')]
  invoices = [feira.invoices, await feira.addReplica('invoices')]
  await Promise.all([...orders, ...invoices].map(replica => replica.start({}, '/ready')))
})
afterEach(() => feira.book.stopPlacing())
afterAll(() => feira?.tearDown())

const handledBy = (replica: ServiceProcess) => replica.metric('messages_handled_total', { outcome: 'handled' })
const publishedBy = (replica: ServiceProcess) => replica.metric('messages_published_total', { outcome: 'confirmed' })

test('two replicas of everything share the work, and nothing is done twice', async () => {
  await feira.book.placeMany({ count: 400, clients: 16 })
  expect(feira.book.answers.filter(({ status }) => status !== 201)).toEqual([])
  await verify(feira)
  for (const replica of orders) expect(await publishedBy(replica)).toBeGreaterThan(0)
  for (const replica of invoices) expect(await handledBy(replica)).toBeGreaterThan(0)
})

test('fifty requests with one Idempotency-Key, spread over two replicas, are one order', async () => {
  const key = crypto.randomUUID()
  await Promise.all(Array.from({ length: 50 }, () => feira.book.place({ key, totalCents: 700 })))
  const answers = feira.book.answers.filter(answer => answer.key === key)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  await verify(feira)
})

test('a rolling restart under load turns no customer away', async () => {
  const before = feira.book.answers.length
  feira.book.keepPlacing({ clients: 4, pause: 30 })
  for (const replica of [...orders, ...invoices]) {
    const answered = feira.book.answers.length
    await until('orders arrive', () => feira.book.answers.length > answered + 20)
    expect(await replica.stop()).toEqual({ code: 0, signal: null })
    await replica.start({}, '/ready')
  }
  await feira.book.stopPlacing()
  const meanwhile = feira.book.answers.slice(before)
  expect(meanwhile.length).toBeGreaterThan(80)
  expect(meanwhile.filter(({ status }) => status !== 201)).toEqual([])
  await verify(feira)
})

test('a replica that is killed leaves its work to the other, without a stall', async () => {
  feira.book.keepPlacing()
  const [doomed, survivor] = invoices as [ServiceProcess, ServiceProcess]
  const before = await handledBy(survivor)
  await until('both work', async () => (await handledBy(doomed)) > 0 && (await handledBy(survivor)) > before)
  expect(await doomed.kill()).toEqual({ code: null, signal: 'SIGKILL' })
  const placed = feira.book.accepted.length
  await until('more orders are placed', () => feira.book.accepted.length > placed + 50)
  await feira.book.stopPlacing()
  await verify(feira, { within: 10_000 })
})
