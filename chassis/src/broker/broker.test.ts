import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { ChannelModel } from 'amqplib'
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import { connectBroker, type BrokerConnection } from './broker.ts'
import { createLogger } from '../telemetry/log.ts'
import { TcpProxy } from '../testing/fixture/tcp-proxy.ts'
import { waitUntil } from '../testing/index.ts'

const log = createLogger('test', { LOG_LEVEL: 'silent', DEBUG: false, LOG_FORMAT: 'json' })

let proxy: TcpProxy
let connection: BrokerConnection | undefined
let setups: number
let losses: number
beforeEach(async () => {
  proxy = await TcpProxy.to(inject('brokerUrl'))
  setups = 0
  losses = 0
})
afterEach(async () => {
  await connection?.close()
  await proxy[Symbol.asyncDispose]()
})

/** Connects with a setup that does something special the first time. */
async function connectWith(first: (model: ChannelModel) => Promise<void>): Promise<BrokerConnection> {
  connection = await connectBroker({
    name: 'test',
    url: proxy.url,
    log,
    onDisconnect: () => void losses++,
    setup: async model => (++setups === 1 ? first(model) : void (await model.createChannel())),
  })
  return connection
}

const usable = () => waitUntil('it can be used', () => connection?.trouble() === undefined)

test('a setup that fails while the broker goes silent is done again', async () => {
  await connectWith(async () => {
    proxy.swallow()
    throw new Error('the broker refused something')
  })
  await waitUntil('it failed', () => losses === 1)
  proxy.mend()
  await usable()
  expect(setups).toBe(2)
})

test('a connection that closes together with the last answer of its setup is not taken for open', async () => {
  await connectWith(async model => {
    proxy.reset()
    await new Promise<void>(resolve => model.once('close', () => resolve()))
  })
  await usable()
  expect(setups).toBe(2)
})

test('a reset builds a new connection, and says why meanwhile', async () => {
  const { reset, trouble } = await connectWith(async () => {})
  await usable()
  reset('it broke')
  await waitUntil('it is lost', () => trouble() === 'it broke')
  expect(losses).toBe(1)
  await usable()
  expect(setups).toBe(2)
})

test('a broker that refuses connections is waited for', async () => {
  proxy.refuse()
  const { trouble } = await connectWith(async () => {})
  await waitUntil('it tried', () => trouble() !== 'not connected yet')
  proxy.mend()
  await usable()
  expect(setups).toBe(1)
})

test('a connection closed while it is being set up stays closed', async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  const { close } = await connectWith(async model => {
    reach()
    proxy.swallow()
    await model.createChannel()
  })
  await reached
  await close()
  await waitUntil('its setup ended', () => losses === 1)
  proxy.mend()
  await waitUntil('the socket is gone', () => proxy.connections === 0)
  expect(setups).toBe(1)
})

// Nobody would hear the error of such a connection, which ends the process then.
test('a connection closed while it is being opened is never set up, and may break', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<Socket>()
  const server = createServer({ pauseOnConnect: true }, arrive).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = new URL(inject('brokerUrl'))
  const { hostname, port } = url
  url.port = String((server.address() as AddressInfo).port)
  const setup = async () => void setups++
  connection = await connectBroker({ name: 'test', url: url.href, log, onDisconnect: () => {}, setup })
  const client = await arrived
  await connection.close()

  const broker = connect(Number(port || 5672), hostname)
  onTestFinished(() => void broker.destroy())
  let answers = 0
  broker.on('data', data => client.write(data) && answers++)
  // With its third answer the broker has opened the connection: to say anything more is to say goodbye.
  client.on('data', data => (answers < 3 ? broker.write(data) : client.resetAndDestroy()))
  client.on('error', () => {})
  client.resume()
  await once(client, 'close')
  expect([answers, setups]).toEqual([3, 0])
})
