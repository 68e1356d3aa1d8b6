import { expect, onTestFinished, test } from 'vitest'
import { startBroker, type Broker } from './broker.ts'
import { connectTo, until } from './broker.testing.ts'
import { HEARTBEAT, heartbeatFrame } from './frames.ts'
import { RawClient } from './raw-client.testing.ts'

const megabyte = 1_048_576

async function start(): Promise<Broker> {
  const broker = await startBroker({ port: 0, dataDirectory: undefined })
  onTestFinished(() => broker.close())
  return broker
}

test('a client silent for two heartbeats is dropped and its messages go to others; a live one stays', async () => {
  const { url } = await start()
  const [silent, live] = [await RawClient.open(url, 1), await RawClient.open(url, 1)]
  const beating = setInterval(() => live.bytes(heartbeatFrame), 500)
  onTestFinished(() => clearInterval(beating))
  silent.method('QueueDeclare', 1, { queue: 'work' })
  await silent.receive('QueueDeclareOk')
  silent.publish('work', Buffer.from('x'))
  silent.method('BasicGet', 1, { queue: 'work' })
  await silent.receive('BasicGetOk')
  const silentSince = Date.now()
  expect(await silent.untilClosed(HEARTBEAT)).toBeGreaterThanOrEqual(2)
  expect(Date.now() - silentSince).toBeGreaterThan(1_900)
  expect(Date.now() - silentSince).toBeLessThan(3_500)
  live.method('BasicGet', 1, { queue: 'work' })
  expect(await live.receive('BasicGetOk')).toMatchObject({ fields: { redelivered: true } })
})

test.each([true, false])('a consumer that stops reading is not sent to without bound (noAck: %s)', async noAck => {
  const { url } = await start()
  const channel = await (await connectTo(url)).createConfirmChannel()
  await channel.assertQueue('work')
  const lazy = await RawClient.open(url)
  lazy.socket.pause()
  lazy.method('BasicConsume', 1, { queue: 'work', consumerTag: 'lazy', noAck })
  await until('the consumer', async () => (await channel.checkQueue('work')).consumerCount === 1)
  const body = Buffer.alloc(megabyte)
  for (let count = 0; count < 100; count++) channel.sendToQueue('work', body)
  await channel.waitForConfirms()
  // The rest is in the sockets' buffers of the operating system, and one limit's worth in the broker.
  expect((await channel.checkQueue('work')).messageCount).toBeGreaterThan(80)

  lazy.socket.resume()
  await until('the rest', async () => (await channel.checkQueue('work')).messageCount === 0)
})

test('a client that asks and does not read is not listened to for a while', async () => {
  const { url } = await start()
  const channel = await (await connectTo(url)).createConfirmChannel()
  await channel.assertQueue('work')
  for (let count = 0; count < 100; count++) channel.sendToQueue('work', Buffer.alloc(megabyte))
  await channel.waitForConfirms()
  const lazy = await RawClient.open(url)
  lazy.socket.pause()
  for (let count = 0; count < 100; count++) {
    lazy.method('BasicGet', 1, { queue: 'work', noAck: true })
    await new Promise(resolve => lazy.socket.write(Buffer.alloc(0), resolve))
    await channel.checkQueue('work')
  }
  expect((await channel.checkQueue('work')).messageCount).toBeGreaterThan(50)
  lazy.socket.resume()
  await until('the rest', async () => (await channel.checkQueue('work')).messageCount === 0)
})
