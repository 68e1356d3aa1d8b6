import type { Socket } from 'node:net'
import { decodeMethod, encodeMethod, type ClientMethod, type ServerMethods } from './amqp-codec.ts'
import { AmqpError, closeFields } from './amqp-error.ts'
import { Channel } from './channel.ts'
import { FrameReader, heartbeatFrame, HEARTBEAT, METHOD, type Frame } from './frames.ts'
import * as handshake from './handshake.ts'
import type { Sender } from './turn.ts'
import type { VirtualHost } from './virtual-host.ts'

/** Unsent bytes above which a connection gets no more deliveries. */
const deliveryLimit = 1_048_576
/** Unsent bytes above which its requests wait too: somebody who asks and does not read must not fill the memory. */
const readLimit = 16 * deliveryLimit
const largestJoinedWrite = 262_144
const handshakeTimeout = 10_000
const closeTimeout = 2_000

type Phase = 'protocol-header' | 'start' | 'tune' | 'open' | 'running' | 'closing'

/** One client. Whatever it sends, the worst that happens is that this connection is closed. */
export class Connection implements Sender {
  readonly host: VirtualHost
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #channels = new Map<number, Channel>()
  readonly #confirming = new Set<Channel>()
  #phase: Phase = 'protocol-header'
  #output: Buffer[] = []
  #outputBytes = 0
  #sentSinceBeat = false
  #silentBeats = 0
  #heartbeat: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout

  constructor(host: VirtualHost, socket: Socket) {
    this.host = host
    this.#socket = socket
    this.#deadline = setTimeout(() => socket.destroy(), handshakeTimeout)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('drain', () => this.#drained())
    socket.on('close', () => this.#closed())
    // The close event follows and says all that matters.
    socket.on('error', () => {})
  }

  get frameMax(): number {
    return this.#reader.frameMax
  }

  /** Whether what was sent so far has mostly been read. */
  get receptive(): boolean {
    return !this.#isClosing && this.#outputBytes + this.#socket.writableLength < deliveryLimit
  }

  send<Name extends keyof ServerMethods>(name: Name, channel: number, fields: ServerMethods[Name]): void {
    this.write([encodeMethod(name, channel, fields)])
  }

  /** Queues bytes that leave at the end of the turn. */
  write(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      this.#output.push(frame)
      this.#outputBytes += frame.length
    }
    this.host.turn.join(this)
  }

  /** Has the publisher's confirms of this turn sent at its end. */
  confirmLater(channel: Channel): void {
    this.#confirming.add(channel)
    this.host.turn.join(this)
  }

  flush(): void {
    for (const channel of this.#confirming) channel.confirm()
    this.#confirming.clear()
    const frames = this.#output
    const bytes = this.#outputBytes
    this.#output = []
    this.#outputBytes = 0
    if (frames.length === 0 || this.#socket.destroyed) return
    this.#sentSinceBeat = true
    if (bytes <= largestJoinedWrite) this.#socket.write(Buffer.concat(frames, bytes))
    else this.#writeCorked(frames)
    if (this.#socket.writableLength > readLimit) this.#socket.pause()
  }

  removeChannel(number: number): void {
    this.#channels.delete(number)
  }

  /** Tells the client why and hangs up. */
  close(error: AmqpError, methodId = 0): void {
    if (this.#phase === 'closing') return
    const reason = closeFields(error, methodId)
    this.#end()
    this.send('ConnectionClose', 0, reason)
    this.host.turn.finish()
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #writeCorked(frames: readonly Buffer[]): void {
    this.#socket.cork()
    for (const frame of frames) this.#socket.write(frame)
    this.#socket.uncork()
  }

  #drained(): void {
    this.#socket.resume()
    for (const channel of this.#channels.values()) channel.pump()
  }

  #receive(chunk: Buffer): void {
    if (this.#phase === 'closing') return
    this.#silentBeats = 0
    this.#reader.push(chunk)
    let frame: Frame | undefined
    try {
      if (this.#phase === 'protocol-header' && !this.#readProtocolHeader()) return
      while (!this.#isClosing && (frame = this.#reader.next())) this.#dispatch(frame)
    } catch (error) {
      this.close(asAmqpError(error), frame && methodIdOf(frame))
    }
  }

  get #isClosing(): boolean {
    return this.#phase === 'closing'
  }

  // A client of another protocol is told which one is spoken here (AMQP 0-9-1, 4.2.2).
  #readProtocolHeader(): boolean {
    const header = this.#reader.take(handshake.protocolHeader.length)
    if (!header) return false
    if (!header.equals(handshake.protocolHeader)) {
      this.#socket.end(handshake.protocolHeader)
      this.#end()
      return false
    }
    this.#phase = 'start'
    this.send('ConnectionStart', 0, handshake.connectionStart)
    return true
  }

  #dispatch(frame: Frame): void {
    if (frame.type === HEARTBEAT) return
    if (frame.channel === 0) return this.#onConnectionMethod(methodOf(frame))
    if (this.#phase !== 'running') throw AmqpError.unexpectedFrame('a channel before the connection is open')
    const channel = this.#channels.get(frame.channel)
    if (channel) channel.receive(frame)
    else this.#openChannel(frame.channel, methodOf(frame))
  }

  #openChannel(number: number, { name }: ClientMethod): void {
    // What was under way to a channel that both sides have closed.
    if (name === 'ChannelCloseOk') return
    if (name !== 'ChannelOpen') throw new AmqpError('connection', 504, "CHANNEL_ERROR - expected 'channel.open'")
    if (number > handshake.CHANNEL_MAX) {
      throw AmqpError.notAllowed(`channel ${number} exceeds the negotiated ${handshake.CHANNEL_MAX}`)
    }
    this.#channels.set(number, new Channel(this, number))
    this.send('ChannelOpenOk', number, { channelId: Buffer.alloc(0) })
  }

  #onConnectionMethod({ name, fields }: ClientMethod): void {
    if (name === 'ConnectionClose') return this.#closeAsAsked()
    if (this.#phase === 'start' && name === 'ConnectionStartOk') {
      handshake.authenticate(fields)
      this.#phase = 'tune'
      return this.send('ConnectionTune', 0, handshake.connectionTune)
    }
    if (this.#phase === 'tune' && name === 'ConnectionTuneOk') {
      this.#reader.frameMax = handshake.negotiateFrameMax(fields)
      this.#phase = 'open'
      return this.#startHeartbeat(fields.heartbeat)
    }
    if (this.#phase === 'open' && name === 'ConnectionOpen') {
      handshake.checkVirtualHost(fields)
      clearTimeout(this.#deadline)
      this.#phase = 'running'
      return this.send('ConnectionOpenOk', 0, {})
    }
    throw new AmqpError('connection', 503, `COMMAND_INVALID - unexpected method ${name}`)
  }

  #closeAsAsked(): void {
    this.#end()
    this.send('ConnectionCloseOk', 0, {})
    this.host.turn.finish()
    this.#socket.end()
  }

  /** @param interval seconds, 0 for none. Two of them without a byte from the client mean that it is gone. */
  #startHeartbeat(interval: number): void {
    if (interval > 0) this.#heartbeat = setInterval(() => this.#beat(), (interval * 1_000) / 2)
  }

  #beat(): void {
    this.#silentBeats += 1
    if (this.#silentBeats > 4) return this.destroy()
    if (!this.#sentSinceBeat) this.#socket.write(heartbeatFrame)
    this.#sentSinceBeat = false
  }

  // Messages that the client had are there for others at once, not only when its socket is down.
  #end(): void {
    if (this.#phase === 'closing') return
    this.#phase = 'closing'
    clearTimeout(this.#deadline)
    clearInterval(this.#heartbeat)
    this.#deadline = setTimeout(() => this.destroy(), closeTimeout)
    for (const channel of this.#channels.values()) channel.release()
    this.#channels.clear()
    this.host.deleteQueuesOf(this)
  }

  #closed(): void {
    this.#end()
    clearTimeout(this.#deadline)
  }
}

function methodOf({ type, payload }: Frame): ClientMethod {
  if (type !== METHOD) throw AmqpError.unexpectedFrame(`expected a method, got a frame of type ${type}`)
  return decodeMethod(payload)
}

function methodIdOf({ type, payload }: Frame): number {
  return type === METHOD && payload.length >= 4 ? payload.readUInt32BE(0) : 0
}

function asAmqpError(error: unknown): AmqpError {
  if (error instanceof AmqpError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new AmqpError('connection', 541, `INTERNAL_ERROR - ${reason}`)
}
