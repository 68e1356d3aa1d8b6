import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { encodeProperties } from './amqp-codec.ts'
import { contentFrames, FrameReader, METHOD, type Frame } from './frames.ts'
import { protocolHeader } from './handshake.ts'

interface ClientCodec {
  encodeMethod(id: number, channel: number, fields: object): Buffer
  decode(id: number, fields: Buffer): Record<string, unknown>
  info(id: number): { readonly name: string }
}

const require = createRequire(import.meta.url)
const codec = require(join(dirname(require.resolve('amqplib')), 'lib', 'defs.js')) as ClientCodec &
  Record<string, number>

export interface ReceivedMethod {
  readonly name: string
  readonly channel: number
  readonly fields: Record<string, unknown>
}

/** A client that can break every rule of the protocol. */
export class RawClient {
  readonly socket: Socket
  /** How many bytes go out at a time. */
  pieceSize = Number.POSITIVE_INFINITY
  readonly #reader = new FrameReader()
  readonly #frames: Frame[] = []
  #closed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) this.#frames.push(frame)
    })
    socket.on('close', () => (this.#closed = true))
    socket.on('error', () => {})
  }

  /** A connection on which nothing was said. */
  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    onTestFinished(() => void socket.destroy())
    return new RawClient(socket)
  }

  /** A connection with an open channel 1. @param heartbeat seconds */
  static async open(url: string, heartbeat = 0): Promise<RawClient> {
    const client = await RawClient.connect(url)
    await client.handshake({ heartbeat })
    client.method('ChannelOpen', 1, {})
    await client.receive('ChannelOpenOk')
    return client
  }

  async handshake({ heartbeat = 0, frameMax = 131_072, response = '\0guest\0guest', mechanism = 'PLAIN' } = {}) {
    this.bytes(protocolHeader)
    await this.receive('ConnectionStart')
    this.method('ConnectionStartOk', 0, { clientProperties: {}, mechanism, response: Buffer.from(response) })
    await this.receive('ConnectionTune')
    this.method('ConnectionTuneOk', 0, { channelMax: 0, frameMax, heartbeat })
    this.method('ConnectionOpen', 0, { virtualHost: '/' })
    await this.receive('ConnectionOpenOk')
  }

  bytes(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; start += this.pieceSize) {
      this.socket.write(bytes.subarray(start, start + this.pieceSize))
    }
  }

  frame(type: number, channel: number, payload: Buffer, size = payload.length, end = 0xce): void {
    const prefix = Buffer.alloc(7)
    prefix.writeUInt8(type, 0)
    prefix.writeUInt16BE(channel, 1)
    prefix.writeUInt32BE(size, 3)
    this.bytes(Buffer.concat([prefix, payload, Buffer.of(end)]))
  }

  method(name: string, channel: number, fields: object): void {
    this.bytes(codec.encodeMethod(codec[name] as number, channel, fields))
  }

  publish(queue: string, body: Buffer, properties = {}): void {
    this.method('BasicPublish', 1, { exchange: '', routingKey: queue })
    this.bytes(Buffer.concat(contentFrames(1, encodeProperties(body.length, properties), body, 131_072)))
  }

  /** The next method called `name`; other frames before it are dropped. @throws when the connection ends first. */
  async receive(name: string): Promise<ReceivedMethod> {
    for (;;) {
      const method = await this.#nextMethod()
      if (method.name === name) return method
      if (method.name.endsWith('Close')) throw new Error(`${method.name}: ${String(method.fields['replyText'])}`)
    }
  }

  /** The code with which the server closes the connection. */
  async closeCode(): Promise<unknown> {
    return (await this.receive('ConnectionClose')).fields['replyCode']
  }

  /** Resolves with the number of frames of `type` received until the server hung up. */
  async untilClosed(type: number): Promise<number> {
    if (!this.#closed) await once(this.socket, 'close')
    return this.#frames.filter(frame => frame.type === type).length
  }

  async #nextMethod(): Promise<ReceivedMethod> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame?.type === METHOD) return decoded(frame)
      if (frame) continue
      if (this.#closed) throw new Error('The server hung up.')
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')])
    }
  }
}

function decoded({ channel, payload }: Frame): ReceivedMethod {
  const id = payload.readUInt32BE(0)
  return { name: codec.info(id).name, channel, fields: codec.decode(id, payload.subarray(4)) }
}
