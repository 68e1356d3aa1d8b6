/** The fields of one Protocol Buffers message by their numbers, each as often as it occurs: numbers, or bytes. */
export class ProtobufMessage {
  readonly #fields = new Map<number, (bigint | Buffer)[]>()
  #at = 0

  /** https://protobuf.dev/programming-guides/encoding/ */
  constructor(bytes: Buffer) {
    while (this.#at < bytes.length) {
      const tag = Number(this.#varint(bytes))
      const values = this.#fields.get(tag >> 3) ?? []
      values.push(this.#value(bytes, tag & 7))
      this.#fields.set(tag >> 3, values)
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field)
  }

  messages(field: number): ProtobufMessage[] {
    return (this.#fields.get(field) ?? []).map(bytes => new ProtobufMessage(bytes as Buffer))
  }

  bytes(field: number): Buffer {
    return (this.#fields.get(field)?.at(-1) ?? Buffer.alloc(0)) as Buffer
  }

  text(field: number): string {
    return this.bytes(field).toString()
  }

  number(field: number): bigint {
    return (this.#fields.get(field)?.at(-1) ?? 0n) as bigint
  }

  #value(bytes: Buffer, wireType: number): bigint | Buffer {
    if (wireType === 0) return this.#varint(bytes)
    if (wireType === 1) return this.#take(bytes, 8).readBigUInt64LE()
    if (wireType === 2) return this.#take(bytes, Number(this.#varint(bytes)))
    if (wireType === 5) return BigInt(this.#take(bytes, 4).readUInt32LE())
    throw new Error(`wire type ${wireType} is none of today's`)
  }

  #take(bytes: Buffer, length: number): Buffer {
    this.#at += length
    if (this.#at > bytes.length) throw new Error('the message is cut off')
    return bytes.subarray(this.#at - length, this.#at)
  }

  #varint(bytes: Buffer): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const [byte = 0] = this.#take(bytes, 1)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
}
