import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'

const magic = Buffer.from('FEIRA-AMQP-LOG/1')
const PREFIX = 8
const window = 1_048_576

/** Thrown when a record in the midst of a log cannot be trusted: cutting there would lose what follows. */
export class DamagedLogError extends Error {
  constructor(path: string, offset: number) {
    super(`The broker's log ${path} is damaged at byte ${offset}. Move the file away to start with empty queues.`)
    this.name = 'DamagedLogError'
  }
}

/**
 * A file of records that are either there whole or not at all: length, CRC-32, payload. Records are written with one
 * `write()` each and not synced, so they survive the end of the process, not of the machine.
 */
export class LogFile {
  readonly path: string
  readonly #descriptor: number
  #size: number

  private constructor(path: string, descriptor: number, size: number) {
    this.path = path
    this.#descriptor = descriptor
    this.#size = size
  }

  static create(path: string): LogFile {
    const log = new LogFile(path, openSync(path, 'w+'), 0)
    log.#write(magic)
    return log
  }

  /** @throws DamagedLogError when the file is no log. */
  static open(path: string): LogFile {
    const descriptor = openSync(path, 'r+')
    const log = new LogFile(path, descriptor, fstatSync(descriptor).size)
    if (!log.read(0, magic.length).equals(magic)) throw new DamagedLogError(path, 0)
    return log
  }

  get size(): number {
    return this.#size
  }

  /** @throws whatever the file system says; the file then ends where it ended before. */
  append(payload: Buffer): void {
    const record = Buffer.allocUnsafe(PREFIX + payload.length)
    record.writeUInt32BE(payload.length, 0)
    record.writeUInt32BE(crc32(payload), 4)
    payload.copy(record, PREFIX)
    this.#write(record)
  }

  /** Appends what was read from another log, records and all. */
  appendRaw(records: Buffer): void {
    this.#write(records)
  }

  /**
   * Every record from the first to the last whole one; what a killed process left half written after it is cut off.
   * @throws DamagedLogError
   */
  *records(): Generator<Buffer, void, void> {
    const reader = new WindowReader(this)
    let offset = magic.length
    while (offset + PREFIX <= this.#size) {
      const prefix = reader.read(offset, PREFIX)
      const end = offset + PREFIX + prefix.readUInt32BE(0)
      if (end > this.#size) break
      const payload = reader.read(offset + PREFIX, end - offset - PREFIX)
      if (crc32(payload) !== prefix.readUInt32BE(4)) {
        if (end === this.#size) break
        throw new DamagedLogError(this.path, offset)
      }
      yield payload
      offset = end
    }
    this.#truncate(offset)
  }

  /** Up to `length` bytes from `offset`, fewer at the end. */
  read(offset: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const count = readSync(this.#descriptor, buffer, filled, length - filled, offset + filled)
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  }

  /** Resolves when the disk has everything appended before the call. */
  sync(): Promise<void> {
    return promisify(fsync)(this.#descriptor)
  }

  /** Takes the place of the file at `path`, atomically. */
  renameTo(path: string): LogFile {
    renameSync(this.path, path)
    syncDirectory(dirname(path))
    return new LogFile(path, this.#descriptor, this.#size)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #write(bytes: Buffer): void {
    try {
      let written = 0
      while (written < bytes.length) {
        written += writeSync(this.#descriptor, bytes, written, bytes.length - written, this.#size + written)
      }
      this.#size += bytes.length
    } catch (error) {
      this.#truncate(this.#size)
      throw error
    }
  }

  #truncate(size: number): void {
    ftruncateSync(this.#descriptor, size)
    this.#size = size
  }
}

/** Reads small records out of large pieces of the file. */
class WindowReader {
  readonly #log: LogFile
  #start = 0
  #piece: Buffer = Buffer.alloc(0)

  constructor(log: LogFile) {
    this.#log = log
  }

  read(offset: number, length: number): Buffer {
    if (offset < this.#start || offset + length > this.#start + this.#piece.length) {
      this.#start = offset
      this.#piece = this.#log.read(offset, Math.max(length, window))
    }
    return this.#piece.subarray(offset - this.#start, offset - this.#start + length)
  }
}

// Windows cannot open a directory, and keeps renames without it.
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
