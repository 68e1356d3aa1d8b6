import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startBroker, type Broker } from './broker.ts'
import { connectTo, silenced } from './broker.testing.ts'
import { encodeProperties } from './amqp-codec.ts'
import { BODY, HEADER, METHOD } from './frames.ts'
import { protocolHeader } from './handshake.ts'
import { RawClient } from './raw-client.testing.ts'

let broker: Broker
beforeEach(async () => {
  broker = await startBroker({ port: 0, dataDirectory: undefined })
})
afterEach(async () => {
  await expectAlive()
  await broker.close()
})

/** Another client still gets its work done. */
async function expectAlive(): Promise<void> {
  const connection = await connectTo(broker.url)
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  channel.sendToQueue(queue, Buffer.from('alive'))
  await channel.waitForConfirms()
  expect(await channel.get(queue, { noAck: true })).toMatchObject({ content: Buffer.from('alive') })
  await connection.close()
}

test.each([
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['AMQP 1.0', Buffer.from('AMQP\0\x01\0\0')],
  ['noise', Buffer.alloc(64, 0xff)],
])('%s is answered with the protocol header and a closed connection', async (_name, bytes) => {
  const socket = connect({ host: '127.0.0.1', port: broker.port })
  socket.write(bytes)
  expect(await buffer(socket)).toEqual(protocolHeader)
})

test('random bytes behind an honest beginning close that connection alone', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(broker.url)))
  for (const client of clients) client.bytes(randomBytes(5_000))
  const codes = await Promise.all(clients.map(client => client.closeCode()))
  expect(codes.filter(code => typeof code !== 'number')).toEqual([])
})

test('random methods and contents in honest frames end their connection or channel at most', async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.open(broker.url)))
  for (const client of clients) {
    const method = Buffer.of(0, oneOf(10, 20, 40, 50, 60, 85, 90), 0, oneOf(10, 11, 20, 30, 40, 50, 60, 70, 80, 120))
    client.frame(METHOD, oneOf(0, 1, 1, 1), Buffer.concat([method, randomBytes(oneOf(0, 3, 10, 40))]))
    client.method('BasicPublish', 1, { exchange: '', routingKey: 'q' })
    client.frame(HEADER, 1, Buffer.concat([Buffer.alloc(11), randomBytes(30)]))
    client.method('ConnectionClose', 0, { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
    client.socket.end()
  }
  await Promise.all(clients.map(client => client.untilClosed(METHOD)))
  expect(clients.every(client => client.socket.destroyed)).toBe(true)
})

function oneOf(...values: readonly [number, ...number[]]): number {
  return values[Math.floor(Math.random() * values.length)] ?? values[0]
}

test.each<[string, number, (client: RawClient) => void]>([
  ['a frame larger than negotiated', 501, client => client.frame(METHOD, 1, Buffer.alloc(10), 0xff_ff_ff_ff)],
  ['a frame without its end', 501, client => client.frame(METHOD, 1, Buffer.alloc(10), 10, 0)],
  ['an unknown method', 540, client => client.frame(METHOD, 1, Buffer.of(0, 60, 0, 99))],
  ['a method of another mind', 540, client => client.method('TxSelect', 1, {})],
  ['a method frame without a method', 502, client => client.frame(METHOD, 1, Buffer.of(0))],
  ['a method cut short', 502, client => client.frame(METHOD, 1, Buffer.of(0, 60, 0, 40, 0))],
  ['a body without a publication', 505, client => client.frame(BODY, 1, Buffer.from('x'))],
  ['an unknown frame type', 505, client => client.frame(7, 1, Buffer.from('x'))],
  ['a closed channel', 504, client => client.method('BasicQos', 9, { prefetchCount: 1 })],
  ['a channel beyond the limit', 530, client => client.method('ChannelOpen', 2_048, {})],
  ['a second handshake', 503, client => client.method('ConnectionOpen', 0, { virtualHost: '/' })],
])('%s closes the connection with %i', async (_name, code, misbehave) => {
  const client = await RawClient.open(broker.url)
  misbehave(client)
  expect(await client.closeCode()).toBe(code)
})

test('a method in place of the content closes the connection with 505', async () => {
  const client = await RawClient.open(broker.url)
  client.method('BasicPublish', 1, { exchange: '', routingKey: 'q' })
  client.method('BasicQos', 1, { prefetchCount: 1 })
  expect(await client.closeCode()).toBe(505)
})

test('a body longer than announced closes the connection with 505', async () => {
  const client = await RawClient.open(broker.url)
  client.method('BasicPublish', 1, { exchange: '', routingKey: 'q' })
  client.frame(HEADER, 1, encodeProperties(3, {}))
  client.frame(BODY, 1, Buffer.from('four'))
  expect(await client.closeCode()).toBe(505)
})

test('an immense body is refused before it comes', async () => {
  const client = await RawClient.open(broker.url)
  client.method('BasicPublish', 1, { exchange: '', routingKey: 'q' })
  client.frame(HEADER, 1, encodeProperties(2 ** 40, {}))
  expect(await client.receive('ChannelClose')).toMatchObject({ fields: { replyCode: 406, classId: 60, methodId: 40 } })
})

test.each([
  ['a wrong password', { response: '\0guest\0wrong' }, '403'],
  ['an unknown mechanism', { mechanism: 'EXTERNAL' }, 'mechanism'],
  ['a frame size below the minimum', { frameMax: 100 }, 'frame_max'],
  ['a frame size above ours', { frameMax: 1_000_000 }, 'frame_max'],
])('%s ends the handshake', async (_name, options, words) => {
  const client = await RawClient.connect(broker.url)
  await expect(client.handshake(options)).rejects.toThrow(words === '403' ? 'ACCESS_REFUSED' : words)
})

test('a dead letter whose headers cannot be encoded again is not lost', async () => {
  const channel = silenced(await (await connectTo(broker.url)).createChannel())
  await channel.assertQueue('dead', { durable: true })
  const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead', 'x-message-ttl': 0 }
  await channel.assertQueue('work', { durable: true, arguments: args })
  const client = await RawClient.open(broker.url)
  const key = Buffer.from('\x01!S\0\0\0\x04what')
  const table = Buffer.concat([Buffer.from('\x01aF\0\0\0'), Buffer.of(key.length), key])
  const header = Buffer.concat([
    encodeProperties(1, {}).subarray(0, 12),
    Buffer.of(0x20, 0, 0, 0, 0, table.length),
    table,
  ])
  client.method('BasicPublish', 1, { exchange: '', routingKey: 'work' })
  client.frame(HEADER, 1, header)
  client.frame(BODY, 1, Buffer.from('x'))
  await expect.poll(async () => (await channel.checkQueue('dead')).messageCount).toBe(1)
})

test('frames may come in pieces of any size', async () => {
  const client = await RawClient.open(broker.url)
  client.method('QueueDeclare', 1, { queue: 'pieces', exclusive: true })
  await client.receive('QueueDeclareOk')
  client.pieceSize = 1
  client.publish('pieces', Buffer.from('in pieces'))
  client.method('BasicGet', 1, { queue: 'pieces', noAck: true })
  expect(await client.receive('BasicGetOk')).toMatchObject({ fields: { routingKey: 'pieces' } })
})
