import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Channel } from 'amqplib'
import { expect, onTestFinished, test } from 'vitest'
import { startBroker, type Broker } from './broker.ts'
import { connectTo, drain, silenced, spawnBroker, temporaryDirectory, until } from './broker.testing.ts'

const durable = { durable: true }
const persistent = { persistent: true }

async function start(dataDirectory: string | undefined): Promise<Broker> {
  const broker = await startBroker({ port: 0, dataDirectory })
  onTestFinished(() => broker.close())
  return broker
}

async function channelOf({ url }: { readonly url: string }): Promise<Channel> {
  return silenced(await (await connectTo(url)).createChannel())
}

/** Sends texts to `queue` and waits until the broker has them. */
async function send(broker: { readonly url: string }, queue: string, texts: string[], options: object = persistent) {
  const channel = await (await connectTo(broker.url)).createConfirmChannel()
  for (const text of texts) channel.sendToQueue(queue, Buffer.from(text), options)
  await channel.waitForConfirms()
}

async function exists(channel: Channel, queue: string): Promise<boolean> {
  return channel.checkQueue(queue).then(
    () => true,
    () => false,
  )
}

test('durable exchanges, queues and bindings outlive the broker; others and what was deleted do not', async () => {
  const directory = await temporaryDirectory()
  const before = await start(directory)
  const channel = await channelOf(before)
  for (const name of ['kept', 'deleted', 'unbound']) await channel.assertQueue(name, durable)
  await channel.assertQueue('transient', { durable: false })
  await channel.assertExchange('events', 'topic', durable)
  await channel.assertExchange('copies', 'fanout', durable)
  await channel.bindExchange('copies', 'events', 'order.#')
  await channel.bindQueue('kept', 'copies', '')
  await channel.bindQueue('unbound', 'events', '#')
  await channel.unbindQueue('unbound', 'events', '#')
  await channel.deleteQueue('deleted')
  await before.close()

  const after = await start(directory)
  const again = await channelOf(after)
  again.publish('events', 'order.created', Buffer.from('x'))
  await until('the message', async () => (await again.checkQueue('kept')).messageCount === 1)
  expect((await again.checkQueue('unbound')).messageCount).toBe(0)
  expect(await exists(await channelOf(after), 'transient')).toBe(false)
  expect(await exists(await channelOf(after), 'deleted')).toBe(false)
})

test('messages come back whole and in order, without those settled, purged or not persistent', async () => {
  const directory = await temporaryDirectory()
  const before = await start(directory)
  const channel = await channelOf(before)
  for (const name of ['work', 'purged']) await channel.assertQueue(name, durable)
  await send(before, 'work', ['settled', 'first', 'second'], { ...persistent, headers: { n: [1, 'two'] }, type: 't' })
  await send(before, 'work', ['transient'], { persistent: false })
  await send(before, 'work', ['third'])
  await send(before, 'purged', ['x'])
  channel.ack((await channel.get('work')) as never)
  await channel.purgeQueue('purged')
  await before.close()

  const again = await channelOf(await start(directory))
  const first = await again.get('work')
  expect(first).toMatchObject({
    fields: { exchange: '', routingKey: 'work', redelivered: false, messageCount: 2 },
    properties: { headers: { n: [1, 'two'] }, type: 't', deliveryMode: 2 },
  })
  expect(await drain(again, 'work')).toEqual(['second', 'third'])
  expect(await drain(again, 'purged')).toEqual([])
})

test('after a kill, what a consumer held is marked as delivered before and counted', async () => {
  const directory = await temporaryDirectory()
  const before = await spawnBroker(directory)
  const channel = await channelOf(before)
  const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1, 'x-dead-letter-exchange': '' }
  await channel.assertQueue('work', { durable: true, arguments: { ...quorum, 'x-dead-letter-routing-key': 'dead' } })
  await channel.assertQueue('dead', durable)
  await send(before, 'work', ['held', 'poison', 'untouched'])
  const [held, poison] = [await channel.get('work'), await channel.get('work')]
  channel.nack(poison as never, false, true)
  await channel.get('work')
  expect(held).toBeTruthy()
  await before.kill()

  const again = await channelOf(await start(directory))
  expect(await again.get('work')).toMatchObject({
    fields: { redelivered: true },
    properties: { headers: { 'x-delivery-count': 1 } },
  })
  const untouched = await again.get('work')
  expect(untouched).toMatchObject({ fields: { redelivered: false }, properties: { headers: {} } })
  expect(await drain(again, 'dead')).toEqual(['poison'])
})

test('a message keeps what is left of its time, the time without a broker included', async () => {
  const directory = await temporaryDirectory()
  const before = await start(directory)
  const channel = await channelOf(before)
  const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await channel.assertQueue('dead', durable)
  await channel.assertQueue('retry', { durable: true, arguments: { ...deadLetters, 'x-message-ttl': 1_000 } })
  const sentAt = Date.now()
  await send(before, 'retry', ['x'])
  await until('half of the time', () => Date.now() > sentAt + 500)
  await before.close()

  const again = await channelOf(await start(directory))
  expect(await again.checkQueue('retry')).toMatchObject({ messageCount: 1 })
  await until('expiry', async () => (await again.checkQueue('dead')).messageCount === 1)
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(1_000)
  expect(Date.now() - sentAt).toBeLessThan(1_400)
})

test('a message moves to its dead-letter queue once, although the broker is killed right after', async () => {
  const directory = await temporaryDirectory()
  const before = await spawnBroker(directory)
  const channel = await channelOf(before)
  const deadLetters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await channel.assertQueue('dead', durable)
  await channel.assertQueue('work', { durable: true, arguments: deadLetters })
  await send(before, 'work', ['a', 'b', 'c'])
  await channel.consume('work', message => {
    if (message?.content.toString() === 'c') channel.nack(message, true, false)
  })
  await until('the dead letters', async () => (await channel.checkQueue('dead')).messageCount === 3)
  await before.kill()

  const again = await channelOf(await start(directory))
  expect(await drain(again, 'dead')).toEqual(['a', 'b', 'c'])
  expect(await drain(again, 'work')).toEqual([])
})

test('without a data directory nothing is kept', async () => {
  const before = await start(undefined)
  await (await channelOf(before)).assertQueue('work', durable)
  await before.close()
  expect(await exists(await channelOf(await start(undefined)), 'work')).toBe(false)
})

test('a taken port is reported as EADDRINUSE and leaves the data directory free', async () => {
  const directory = await temporaryDirectory()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  await expect(startBroker({ port, dataDirectory: directory })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await start(directory)
})

test('closing tells clients, and closing twice is one closing', async () => {
  const broker = await start(undefined)
  const connection = await connectTo(broker.url)
  const closed = once(connection, 'close')
  await Promise.all([broker.close(), broker.close()])
  const [reason] = (await closed) as [Error]
  expect(reason.message).toContain('CONNECTION_FORCED')
})
