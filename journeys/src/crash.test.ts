import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { consumerQueue, Feira } from './harness/feira.ts'
import type { OrderBook } from './harness/order-book.ts'
import { takeSnapshot } from './harness/snapshot.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let feira: Feira
let book: OrderBook

beforeAll(async () => {
  feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl') })
  book = feira.book
})
afterEach(() => book.stopPlacing())
afterAll(() => feira?.tearDown())

const killed = { code: null, signal: 'SIGKILL' }

const duplicates = () => feira.invoices.metric('messages_handled_total', { outcome: 'duplicate' })

const timesSeen = async (id: string) => (await feira.broker.seen()).filter(message => message.id === id).length

/** The one message that has not left app-orders. */
async function leftBehind() {
  const { outbox } = await takeSnapshot(feira)
  const pending = outbox.orders.filter(({ state }) => state === 'pending')
  expect(pending).toHaveLength(1)
  return pending[0]?.id as string
}

describe('a process that dies', () => {
  test('between commit and publish loses no message', async () => {
    await feira.orders.stop()
    await feira.orders.start({ CRASH_AT: 'before-publish' })
    await book.place()
    expect(await feira.orders.program.exited).toEqual(killed)
    const message = await leftBehind()
    expect(await timesSeen(message)).toBe(0)

    await feira.orders.start()
    await book.insist()
    await verify(feira)
    expect(await timesSeen(message)).toBe(1)
  })

  test('between publish and mark publishes again, and the invoice stays one', async () => {
    await feira.orders.stop()
    await feira.orders.start({ CRASH_AT: 'after-publish' })
    const before = await duplicates()
    await book.place()
    expect(await feira.orders.program.exited).toEqual(killed)
    const message = await leftBehind()
    expect(await timesSeen(message)).toBe(1)

    await feira.orders.start()
    await book.insist()
    await verify(feira)
    expect(await timesSeen(message)).toBe(2)
    await until('the repetition is recognised', async () => (await duplicates()) === before + 1)
    await verify(feira)
  })

  test('between effect and acknowledgement gets the message again, and the invoice stays one', async () => {
    await feira.invoices.stop()
    await feira.invoices.start({ CRASH_AT: 'before-ack' })
    const orderId = await book.placeOne()
    expect(await feira.invoices.program.exited).toEqual(killed)
    const { invoices } = await takeSnapshot(feira)
    expect(invoices.filter(invoice => invoice.orderId === orderId)).toHaveLength(1)
    await until('the message is back in its queue', async () => {
      return (await feira.broker.depths([consumerQueue])).get(consumerQueue) === 1
    })

    await feira.invoices.start()
    await until('the repetition is recognised', async () => (await duplicates()) === 1)
    await verify(feira)
  })

  test.each([1, 2, 3])('at any moment under load loses nothing and does nothing twice (round %i)', async () => {
    const before = book.answers.length
    book.keepPlacing()
    // Not a wait: it chooses the moment.
    await sleep(randomInt(100, 600))
    expect(await feira.invoices.kill()).toEqual(killed)
    await until('orders pile up', async () => (await feira.broker.depths([consumerQueue])).get(consumerQueue) !== 0)
    expect(await feira.orders.kill()).toEqual(killed)
    await until('customers notice', () => book.answers.at(-1)?.status !== 201)
    await Promise.all([feira.orders.start(), feira.invoices.start()])
    await book.stopPlacing()

    expect(book.answers.slice(before).filter(({ status }) => status === 201).length).toBeGreaterThan(10)
    await book.insist()
    await verify(feira)
  })
})

test('SIGTERM under load ends every service with 0 within 10 s and loses nothing', async () => {
  const before = book.answers.length
  book.keepPlacing()
  await until('orders arrive', () => book.answers.length > before + 50)
  const startedAt = performance.now()
  const exits = await Promise.all([feira.orders.stop(), feira.invoices.stop()])
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ])
  await until('customers notice', () => book.answers.at(-1)?.status !== 201)
  await book.stopPlacing()
  const statuses = new Set(book.answers.slice(before).map(({ status }) => status))
  expect([201, 502, 503, undefined]).toEqual(expect.arrayContaining([...statuses]))

  await Promise.all([feira.orders.start(), feira.invoices.start()])
  await verify(feira)
  await book.insist()
  await verify(feira)
})
