import type { ByteReader, ByteWriter } from './bytes.ts'
import type { Change, MessageChange, Target, TopologyChange } from './durable-state.ts'
import type { Message } from './message.ts'

// The numbers are part of the log's format.
const TOPOLOGY = 1
const ENQUEUED = 2
const DELIVERED = 3
const SETTLED = 4

/** Appends `change` in the log's format. Topology is rare and written as JSON; messages are binary. */
export function encodeChange(writer: ByteWriter, change: Change): void {
  switch (change.kind) {
    case 'enqueued':
      writer.byte(ENQUEUED)
      writeMessage(writer, change.message)
      return writeTargets(writer, change.targets)
    case 'delivered':
      writer.byte(DELIVERED)
      writer.unsigned(change.queue)
      writer.double(change.sequence)
      return writer.unsigned(change.deliveries)
    case 'settled':
      writer.byte(SETTLED)
      writer.unsigned(change.queue)
      return writer.double(change.sequence)
    default:
      writer.byte(TOPOLOGY)
      return writer.text(JSON.stringify(change))
  }
}

export function decodeChange(reader: ByteReader): Change {
  const code = reader.byte()
  switch (code) {
    case TOPOLOGY:
      return JSON.parse(reader.text()) as TopologyChange
    case ENQUEUED:
      return readEnqueued(reader)
    case DELIVERED:
      return {
        kind: 'delivered',
        queue: reader.unsigned(),
        sequence: reader.double(),
        deliveries: reader.unsigned(),
      }
    case SETTLED:
      return { kind: 'settled', queue: reader.unsigned(), sequence: reader.double() }
    default:
      throw new RangeError(`The log holds a change of the unknown kind ${code}.`)
  }
}

function writeMessage(writer: ByteWriter, message: Message): void {
  writer.double(message.sequence)
  writer.text(message.exchange)
  writer.text(message.routingKey)
  writer.byte(message.priority)
  writer.bytes(message.header)
  writer.bytes(message.body)
}

function writeTargets(writer: ByteWriter, targets: readonly Target[]): void {
  writer.unsigned(targets.length)
  for (const { queue, entry } of targets) {
    writer.unsigned(queue)
    writer.double(entry.expiresAt)
    writer.unsigned(entry.deliveries)
  }
}

function readEnqueued(reader: ByteReader): MessageChange {
  const message: Message = {
    sequence: reader.double(),
    exchange: reader.text(),
    routingKey: reader.text(),
    priority: reader.byte(),
    header: reader.bytes(),
    body: reader.bytes(),
    persistent: true,
    // Its entries carry the moment of expiry that came of it.
    timeToLive: Number.POSITIVE_INFINITY,
  }
  const targets = Array.from({ length: reader.unsigned() }, () => ({
    queue: reader.unsigned(),
    entry: { message, expiresAt: reader.double(), deliveries: reader.unsigned() },
  }))
  return { kind: 'enqueued', message, targets }
}
