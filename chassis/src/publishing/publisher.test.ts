import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type ChannelModel } from 'amqplib'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { openPublisher, type Outgoing, type Publisher } from './publisher.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { waitUntil } from '../testing/index.ts'

const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })
const namespace = `test-${randomUUID().slice(0, 8)}`
const exchange = `${namespace}.events`
const queue = `${namespace}.taken`
const full = `${namespace}.full`
const confirmTimeout = 500

let model: ChannelModel
let proxy: TcpProxy
let publisher: Publisher

beforeAll(async () => {
  model = await connect(inject('brokerUrl'))
  const channel = await model.createChannel()
  await channel.assertExchange(exchange, 'topic', { durable: true })
  await channel.assertQueue(queue)
  await channel.bindQueue(queue, exchange, 'taken')
  // The broker refuses what would not fit: that is a negative confirm.
  await channel.assertQueue(full, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
  channel.sendToQueue(full, Buffer.from('first'))
  await channel.close()
})
beforeEach(async () => {
  proxy = await TcpProxy.to(inject('brokerUrl'))
  publisher = await openPublisher({ name: 'test', url: proxy.url, exchange, log, onConnect: () => {}, confirmTimeout })
  await connected()
})
afterEach(async () => {
  await publisher.close()
  await proxy[Symbol.asyncDispose]()
})
afterAll(async () => {
  const channel = await model.createChannel()
  for (const name of [queue, full]) await channel.deleteQueue(name)
  await channel.deleteExchange(exchange)
  await model.close()
})

const connected = () => waitUntil('it is connected', () => publisher.trouble() === undefined)

function outgoing(routingKey: string, messageId: string = randomUUID(), to = exchange): Outgoing {
  return { exchange: to, routingKey, content: Buffer.from('{}'), options: { messageId } }
}

async function taken(): Promise<string[]> {
  const channel = await model.createChannel()
  const ids: string[] = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (!message) break
    ids.push(String(message.properties.messageId))
  }
  await channel.close()
  return ids
}

test('each message has its own outcome', async () => {
  const outcomes = await publisher.publish([
    outgoing('taken', 'one'),
    outgoing('nobody'),
    outgoing(full, randomUUID(), ''),
    outgoing('taken', 'two'),
    { ...outgoing('taken'), content: 'not a buffer' as unknown as Buffer },
    outgoing(queue, 'three', ''),
  ])
  expect(outcomes).toMatchObject(['confirmed', 'unroutable', {}, 'confirmed', {}, 'confirmed'])
  expect(outcomes[2]).toMatchObject({ message: 'message nacked' })
  expect(outcomes[4]).toBeInstanceOf(Error)
  expect(await taken()).toEqual(['one', 'two', 'three'])
})

test.each(['x'.repeat(256), 'é'.repeat(128)])('a name that no queue can have is one that no queue has', async name => {
  const outcomes = await publisher.publish([outgoing(name, 'a', ''), outgoing(name), outgoing('taken', 'b')])
  expect(outcomes).toEqual(['unroutable', 'unroutable', 'confirmed'])
  expect(await taken()).toEqual(['b'])
})

test('copies of an unroutable message are all unroutable, and what is routed is not taken for them', async () => {
  const ids = Array.from({ length: 200 }, (_, index) => `copy-${index % 2}`)
  const messages = ids.flatMap(id => [outgoing('nobody', id), outgoing('taken', id)])
  const outcomes = await publisher.publish(messages)
  expect(new Set(outcomes.filter((_, index) => index % 2 === 0))).toEqual(new Set(['unroutable']))
  expect(new Set(outcomes.filter((_, index) => index % 2 === 1))).toEqual(new Set(['confirmed']))
  expect(await taken()).toHaveLength(200)
})

test('a connection that breaks fails what is not confirmed, and a new one takes its place', async () => {
  proxy.swallow()
  const publishing = publisher.publish([outgoing('taken'), outgoing('taken')])
  proxy.reset()
  expect(await publishing).toMatchObject([{ message: 'channel closed' }, { message: 'channel closed' }])
  proxy.mend()
  await connected()
  expect(await publisher.publish([outgoing('taken')])).toEqual(['confirmed'])
  await taken()
})

test('a channel that the broker closes fails what is not confirmed, and is opened again', async () => {
  const outcomes = await publisher.publish([outgoing('taken', 'a', `${namespace}.missing`), outgoing('taken', 'b')])
  expect(outcomes[0]).toBeInstanceOf(Error)
  await waitUntil('it is lost', () => publisher.trouble() !== undefined)
  await connected()
  expect(await publisher.publish([outgoing('taken')])).toEqual(['confirmed'])
  await taken()
})

test('while the broker is away every message fails at once, and says why', async () => {
  proxy.refuse()
  await waitUntil('it is lost', () => publisher.trouble() !== undefined)
  const [outcome] = await publisher.publish([outgoing('taken')])
  expect(outcome).toMatchObject({ message: expect.stringMatching(/^broker: ./) })
  proxy.mend()
  await connected()
})

test('a broker that does not confirm in time is taken for lost', async () => {
  proxy.swallow()
  const startedAt = performance.now()
  const outcomes = await publisher.publish([outgoing('taken')])
  expect(outcomes).toMatchObject([{ message: 'not confirmed in time' }])
  expect(performance.now() - startedAt).toBeGreaterThan(confirmTimeout - 50)
  await waitUntil('it is lost', () => publisher.trouble() !== undefined, 1_000)
  proxy.mend()
  await connected()
})

test('a connection that breaks again and again while it is set up comes back', async () => {
  for (let round = 0; round < 6; round++) {
    const { accepted } = proxy
    proxy.reset()
    await waitUntil('it connects again', () => proxy.accepted > accepted)
    // Somewhere between the first frame and the last answer of the setup.
    await sleep(round * 2)
  }
  await connected()
  await waitUntil(
    'it publishes',
    async () => (await publisher.publish([outgoing('taken', 'at last')]))[0] === 'confirmed',
  )
  expect(await taken()).toContain('at last')
})

test('closing does not wait for a broker that says nothing any more', async () => {
  proxy.swallow()
  const startedAt = performance.now()
  await publisher.close()
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})
