import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TcpProxy } from './tcp-proxy.ts'

let echo: ReturnType<typeof createServer>
let proxy: TcpProxy
let port: number

beforeEach(async () => {
  echo = createServer(socket => void socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const url = `amqp://127.0.0.1:${(echo.address() as AddressInfo).port}/`
  proxy = await TcpProxy.to(url)
  port = Number(new URL(proxy.through(url)).port)
})
afterEach(async () => {
  await proxy.close()
  echo.close()
})

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

// Unlike `once` of node:events it takes no offence at an error before.
const end = (socket: Socket) => new Promise(resolve => socket.once('close', resolve))

async function exchange(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString()
}

test('passes everything both ways', async () => {
  expect(await exchange(await open(), 'hello')).toBe('hello')
  expect(proxy.accepted).toBe(1)
})

test('breaks connections, and takes new ones', async () => {
  const socket = await open()
  await exchange(socket, 'hello')
  const failed = end(socket)
  expect(proxy.reset()).toBe(1)
  await failed
  expect(await exchange(await open(), 'again')).toBe('again')
})

test('refuses connections until it is restored on the same port', async () => {
  const socket = await open()
  const closed = end(socket)
  await proxy.refuse()
  await closed
  await expect(open()).rejects.toThrow('ECONNREFUSED')
  await proxy.restore()
  expect(await exchange(await open(), 'hello')).toBe('hello')
})

test('lets nothing through while it is silent, and cuts what was silent when it is restored', async () => {
  const old = await open()
  await exchange(old, 'hello')
  proxy.silence()
  const young = await open()
  let heard = ''
  for (const socket of [old, young]) {
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
    socket.write('anybody?')
  }
  const closed = Promise.all([end(old), end(young)])
  await proxy.restore()
  await closed
  expect(heard).toBe('')
  expect(await exchange(await open(), 'hello')).toBe('hello')
})
