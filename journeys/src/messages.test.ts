import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { Feira } from './harness/feira.ts'
import { request } from './harness/http.ts'
import type { Seeded } from './harness/invariants.ts'
import { until } from './harness/until.ts'
import { verify } from './harness/verify.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

/** `order.created` as anybody can write it. */
function announcement(orderId: string = randomUUID(), totalCents = 1_234) {
  return {
    orderId,
    version: 1,
    status: 'reserved',
    userId: null,
    customer: null,
    items: [],
    totalCents,
    currency: 'BRL',
    createdAt: new Date().toISOString(),
  }
}

describe('from outside', () => {
  let feira: Feira
  /** All that this file has put into the system. */
  const foreign: NonNullable<Seeded['foreign']>[number][] = []
  const poison: string[] = []

  beforeAll(async () => {
    feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl') })
  })
  afterAll(() => feira?.tearDown())

  /** A message about a new order, noted as one that leads to an invoice. */
  function wholesome() {
    const body = announcement()
    const messageId = randomUUID()
    foreign.push({ messageId, orderId: body.orderId, totalCents: body.totalCents })
    return { body: JSON.stringify(body), options: { messageId } }
  }

  const handled = async () =>
    (await feira.invoices.metric('messages_handled_total', { outcome: 'handled' })) +
    (await feira.invoices.metric('messages_handled_total', { outcome: 'duplicate' }))

  const invoicesOf = (orderId: string) =>
    feira.databases.invoices.rows<{ id: string }>('select id from invoices where order_id = $1', [orderId])

  test('plain JSON under a message id is enough', async () => {
    const message = wholesome()
    await feira.broker.publish([message])
    const { outbox } = await verify(feira, { foreign, poison })
    const issued = outbox.invoices.find(({ headers }) => headers['caused-by'] === message.options.messageId)
    expect(issued?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
  })

  test('the same message a hundred times is one invoice', async () => {
    const before = await handled()
    const message = wholesome()
    // Half of them together, so that they share a transaction; the others one by one.
    await feira.broker.publish(Array.from({ length: 50 }, () => message))
    for (let time = 0; time < 50; time++) await feira.broker.publish([message])
    await until('all hundred are answered', async () => (await handled()) >= before + 100)
    expect(await handled()).toBe(before + 100)
    await verify(feira, { foreign, poison })
  })

  test('two messages about one order are one invoice', async () => {
    const { orderId, ...rest } = announcement()
    const messages = Array.from({ length: 2 }, () => ({
      body: JSON.stringify({ orderId, ...rest }),
      options: { messageId: randomUUID() },
    }))
    for (const { options } of messages) foreign.push({ ...options, orderId, totalCents: rest.totalCents })
    await feira.broker.publish(messages)
    await verify(feira, { foreign, poison })
    expect(await invoicesOf(orderId)).toHaveLength(1)
  })

  const malformed: [string, () => { body: string | Buffer; options?: object }][] = [
    ['no JSON', () => ({ body: '{"orderId":' })],
    ['no body', () => ({ body: '' })],
    ['another JSON', () => ({ body: 'null' })],
    ['bytes that are no text', () => ({ body: Buffer.from([0xff, 0x00, 0xfe]) })],
    ['a field missing', () => ({ body: JSON.stringify({ ...announcement(), totalCents: undefined }) })],
    ['a field of another type', () => ({ body: JSON.stringify({ ...announcement(), totalCents: '12.34' }) })],
    ['an amount below zero', () => ({ body: JSON.stringify(announcement(randomUUID(), -1)) })],
    ['another type', () => ({ body: JSON.stringify(announcement()), options: { type: 'order.refunded' } })],
    ['hostile depth', () => ({ body: '['.repeat(50_000) })],
    ['a body of 2 MB', () => ({ body: JSON.stringify({ padding: 'x'.repeat(2_000_000) }) })],
    ['headers of 60 KB', () => ({ body: '{}', options: { headers: { padding: 'x'.repeat(60_000) } } })],
    ['headers that fill their frame', () => ({ body: '{}', options: { headers: { padding: 'x'.repeat(65_200) } } })],
    ['strange headers', () => ({ body: '{}', options: { headers: { traceparent: { a: [1] }, 'x-attempt': 'many', 'x-death': 'none' } } })], // prettier-ignore
  ]

  test.each(malformed)('a message with %s is dead at once, and its neighbours are not', async (_what, make) => {
    const { body, options } = make()
    const messageId = randomUUID()
    poison.push(messageId)
    const messages = [wholesome(), wholesome(), { body, options: { messageId, ...options } }, wholesome(), wholesome()]
    await feira.broker.publish(messages)
    await verify(feira, { foreign, poison, within: 10_000 })
    const letters = await deadLetters()
    expect(letters.find(letter => letter.messageId === messageId)).toMatchObject({ reason: 'malformed', attempts: 1 })
  })

  test('a message without an id is dead at once, under an id made of its content', async () => {
    await feira.broker.publish([wholesome(), { body: JSON.stringify(announcement()) }, wholesome()])
    const before = new Set(poison)
    const letter = await until('it is dead', async () => {
      return (await deadLetters()).find(({ messageId }) => !before.has(messageId))
    })
    expect(letter).toMatchObject({ reason: 'malformed', error: expect.stringContaining('messageId') })
    expect(letter.messageId).toMatch(/^content-/)
    poison.push(letter.messageId)
    await verify(feira, { foreign, poison, within: 10_000 })
  })

  async function deadLetters() {
    const { body } = await request(`${feira.invoices.url}/ops/dead-letters`, { headers: feira.admin })
    const { groups } = body as { groups: { fingerprint: string }[] }
    expect(groups.length).toBeGreaterThan(0)
    return feira.databases.invoices.rows<{ messageId: string; reason: string; error: string; attempts: number }>(
      `select message_id as "messageId", reason, error, attempts from chassis.dead_letters
       where fingerprint = any($1)`,
      [groups.map(({ fingerprint }) => fingerprint)],
    )
  }
})

describe('a message that nobody listens to', () => {
  let feira: Feira

  beforeAll(async () => {
    feira = await Feira.start({ databaseUrl: inject('databaseUrl'), brokerUrl: inject('brokerUrl'), tap: false })
  })
  afterAll(() => feira?.tearDown())

  // More than the relay claims at once, and older than every order.
  const unheard = 600
  const appendUnheard = () =>
    feira.databases.orders.rows(`
      insert into chassis.outbox (id, type, aggregate_type, aggregate_id, payload, headers)
      select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'journey.unheard', 'journey', n, '{}', '{}'
      from generate_series(1, ${unheard}) n`)

  test('does not hold up those behind it', async () => {
    await appendUnheard()
    await feira.book.placeMany({ count: 50 })
    const { invoices } = await verify(feira, {
      unroutable: ['journey.unheard', 'invoice.issued'],
      within: 10_000,
    })
    expect(invoices).toHaveLength(50)
    await until('the metrics tell', async () => {
      return (await feira.orders.metric('outbox_messages', { state: 'unrouted' })) >= unheard
    })
  })

  test('is kept until somebody listens', async () => {
    const queue = feira.broker.queue('journeys.listener')
    await feira.broker.withChannel(async channel => {
      await channel.assertQueue(queue, { durable: true })
      await channel.bindQueue(queue, feira.broker.exchange, 'journey.unheard')
    })
    onTestFinished(() => feira.broker.withChannel(async channel => void (await channel.deleteQueue(queue))))
    // It looks every 30 s, and when it starts.
    await feira.orders.stop()
    await feira.orders.start()
    const heard = () => feira.broker.withChannel(async channel => (await channel.checkQueue(queue)).messageCount)
    await until('every message has left', async () => (await heard()) >= unheard)
    await verify(feira, { unroutable: ['invoice.issued'] })
    expect(await heard()).toBe(unheard)
  })
})
