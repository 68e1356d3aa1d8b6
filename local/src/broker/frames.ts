import { AmqpError } from './amqp-error.ts'

export const METHOD = 1
export const HEADER = 2
export const BODY = 3
export const HEARTBEAT = 8

/** The largest frame this server sends or accepts, in bytes; RabbitMQ's default. */
export const FRAME_MAX = 131_072
/** The least that a client may negotiate (AMQP 0-9-1, 4.2.3). */
export const FRAME_MIN = 4_096

const PREFIX = 7
const OVERHEAD = PREFIX + 1
const END = 0xce
const SMALL_BODY = 16_384
const endOctet = Buffer.of(END)

export const heartbeatFrame = Buffer.of(HEARTBEAT, 0, 0, 0, 0, 0, 0, END)

export interface Frame {
  readonly type: number
  readonly channel: number
  /** A view of what the socket delivered: whoever keeps it must copy it. */
  readonly payload: Buffer
}

/** Cuts what a socket delivers into frames (AMQP 0-9-1, 2.3.5). */
export class FrameReader {
  /** What was negotiated, in bytes, frame overhead included. */
  frameMax = FRAME_MAX
  #buffered: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
  }

  /** The first `size` bytes once they have come: the protocol header that opens a connection is not a frame. */
  take(size: number): Buffer | undefined {
    if (this.#buffered.length < size) return undefined
    const bytes = this.#buffered.subarray(0, size)
    this.#buffered = this.#buffered.subarray(size)
    return bytes
  }

  /** @throws AmqpError 501 for a frame that is too large or does not end where it says. */
  next(): Frame | undefined {
    if (this.#buffered.length < PREFIX) return undefined
    const size = this.#buffered.readUInt32BE(3)
    if (size + OVERHEAD > this.frameMax) throw frameError(`size ${size} exceeds the negotiated ${this.frameMax}`)
    const frame = this.take(size + OVERHEAD)
    if (!frame) return undefined
    if (frame[size + PREFIX] !== END) throw frameError('missing frame-end octet')
    return { type: frame[0] ?? 0, channel: frame.readUInt16BE(1), payload: frame.subarray(PREFIX, -1) }
  }
}

function frameError(text: string): AmqpError {
  return new AmqpError('connection', 501, `FRAME_ERROR - ${text}`)
}

/** The content header frame and as many body frames as `frameMax` asks for; large bodies are not copied. */
export function contentFrames(channel: number, header: Buffer, body: Buffer, frameMax: number): Buffer[] {
  const largest = frameMax - OVERHEAD
  if (body.length > SMALL_BODY || body.length > largest) return largeContent(channel, header, body, largest)
  const bodyFrame = body.length === 0 ? 0 : body.length + OVERHEAD
  const frames = Buffer.allocUnsafe(header.length + OVERHEAD + bodyFrame)
  const end = writeFrame(frames, 0, HEADER, channel, header)
  if (bodyFrame > 0) writeFrame(frames, end, BODY, channel, body)
  return [frames]
}

function largeContent(channel: number, header: Buffer, body: Buffer, largest: number): Buffer[] {
  const headerFrame = Buffer.allocUnsafe(header.length + OVERHEAD)
  writeFrame(headerFrame, 0, HEADER, channel, header)
  const frames: Buffer[] = [headerFrame]
  for (let start = 0; start < body.length; start += largest) {
    const part = body.subarray(start, start + largest)
    const prefix = Buffer.allocUnsafe(PREFIX)
    writePrefix(prefix, 0, BODY, channel, part.length)
    frames.push(prefix, part, endOctet)
  }
  return frames
}

function writeFrame(target: Buffer, offset: number, type: number, channel: number, payload: Buffer): number {
  writePrefix(target, offset, type, channel, payload.length)
  payload.copy(target, offset + PREFIX)
  return target.writeUInt8(END, offset + PREFIX + payload.length)
}

function writePrefix(target: Buffer, offset: number, type: number, channel: number, size: number): void {
  target.writeUInt8(type, offset)
  target.writeUInt16BE(channel, offset + 1)
  target.writeUInt32BE(size, offset + 3)
}
