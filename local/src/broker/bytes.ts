const initialSize = 65_536
const keptSize = 4_194_304

/** Writes numbers and byte strings into a buffer that grows. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(initialSize)
  #length = 0

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#length = this.#room(1).writeUInt8(value, this.#length)
  }

  unsigned(value: number): void {
    this.#length = this.#room(4).writeUInt32BE(value, this.#length)
  }

  /** Any number, whole ones exactly up to 2^53. */
  double(value: number): void {
    this.#length = this.#room(8).writeDoubleBE(value, this.#length)
  }

  bytes(value: Buffer): void {
    this.unsigned(value.length)
    this.#length += value.copy(this.#room(value.length), this.#length)
  }

  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.unsigned(size)
    this.#length += this.#room(size).write(value, this.#length)
  }

  /** What was written since the last {@link clear}: a view that the next write may change. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    if (this.#buffer.length > keptSize) this.#buffer = Buffer.allocUnsafe(initialSize)
  }

  #room(size: number): Buffer {
    if (this.#length + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    return this.#buffer
  }
}

/** Reads back what a {@link ByteWriter} wrote. @throws RangeError beyond the end. */
export class ByteReader {
  readonly #buffer: Buffer
  #offset = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get atEnd(): boolean {
    return this.#offset >= this.#buffer.length
  }

  byte(): number {
    return this.#buffer.readUInt8(this.#advance(1))
  }

  unsigned(): number {
    return this.#buffer.readUInt32BE(this.#advance(4))
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#advance(8))
  }

  /** A view of what is read from. */
  bytes(): Buffer {
    const size = this.unsigned()
    const start = this.#advance(size)
    return this.#buffer.subarray(start, start + size)
  }

  text(): string {
    const size = this.unsigned()
    const start = this.#advance(size)
    return this.#buffer.toString('utf8', start, start + size)
  }

  #advance(size: number): number {
    const start = this.#offset
    this.#offset += size
    return start
  }
}
