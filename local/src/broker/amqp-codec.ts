import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { AmqpError } from './amqp-error.ts'

/** A field table of AMQP: the arguments of a declaration or the headers of a message. */
export type Table = Readonly<Record<string, unknown>>

export interface Properties {
  readonly headers?: Table | undefined
  readonly deliveryMode?: number | undefined
  readonly priority?: number | undefined
  readonly expiration?: string | undefined
  readonly [name: string]: unknown
}

interface Nowait {
  readonly nowait: boolean
}

interface BindingFields extends Nowait {
  readonly routingKey: string
  readonly arguments: Table
}

interface CloseFields {
  readonly replyCode: number
  readonly replyText: string
  readonly classId: number
  readonly methodId: number
}

/** The methods a client may send, by the names of amqplib's codec. */
export interface ClientMethods {
  ConnectionStartOk: { readonly clientProperties: Table; readonly mechanism: string; readonly response: Buffer }
  ConnectionTuneOk: { readonly channelMax: number; readonly frameMax: number; readonly heartbeat: number }
  ConnectionOpen: { readonly virtualHost: string }
  ConnectionClose: CloseFields
  ConnectionCloseOk: object
  ChannelOpen: object
  ChannelClose: CloseFields
  ChannelCloseOk: object
  ChannelFlow: { readonly active: boolean }
  ConfirmSelect: Nowait
  ExchangeDeclare: Nowait & {
    readonly exchange: string
    readonly type: string
    readonly passive: boolean
    readonly durable: boolean
    readonly autoDelete: boolean
    readonly internal: boolean
    readonly arguments: Table
  }
  ExchangeDelete: Nowait & { readonly exchange: string; readonly ifUnused: boolean }
  ExchangeBind: BindingFields & { readonly destination: string; readonly source: string }
  ExchangeUnbind: BindingFields & { readonly destination: string; readonly source: string }
  QueueDeclare: Nowait & {
    readonly queue: string
    readonly passive: boolean
    readonly durable: boolean
    readonly exclusive: boolean
    readonly autoDelete: boolean
    readonly arguments: Table
  }
  QueueBind: BindingFields & { readonly queue: string; readonly exchange: string }
  QueueUnbind: Omit<BindingFields, 'nowait'> & { readonly queue: string; readonly exchange: string }
  QueuePurge: Nowait & { readonly queue: string }
  QueueDelete: Nowait & { readonly queue: string; readonly ifUnused: boolean; readonly ifEmpty: boolean }
  BasicQos: { readonly prefetchSize: number; readonly prefetchCount: number; readonly global: boolean }
  BasicConsume: Nowait & {
    readonly queue: string
    readonly consumerTag: string
    readonly noAck: boolean
    readonly exclusive: boolean
  }
  BasicCancel: Nowait & { readonly consumerTag: string }
  BasicPublish: {
    readonly exchange: string
    readonly routingKey: string
    readonly mandatory: boolean
    readonly immediate: boolean
  }
  BasicGet: { readonly queue: string; readonly noAck: boolean }
  BasicAck: { readonly deliveryTag: number; readonly multiple: boolean }
  BasicNack: { readonly deliveryTag: number; readonly multiple: boolean; readonly requeue: boolean }
  BasicReject: { readonly deliveryTag: number; readonly requeue: boolean }
  BasicRecover: { readonly requeue: boolean }
}

interface Delivered {
  readonly deliveryTag: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
}

/** The methods this server sends. */
export interface ServerMethods {
  ConnectionStart: {
    readonly versionMajor: number
    readonly versionMinor: number
    readonly serverProperties: Table
    readonly mechanisms: Buffer
    readonly locales: Buffer
  }
  ConnectionTune: { readonly channelMax: number; readonly frameMax: number; readonly heartbeat: number }
  ConnectionOpenOk: object
  ConnectionClose: CloseFields
  ConnectionCloseOk: object
  ChannelOpenOk: { readonly channelId: Buffer }
  ChannelClose: CloseFields
  ChannelCloseOk: object
  ChannelFlowOk: { readonly active: boolean }
  ConfirmSelectOk: object
  ExchangeDeclareOk: object
  ExchangeDeleteOk: object
  ExchangeBindOk: object
  ExchangeUnbindOk: object
  QueueDeclareOk: { readonly queue: string; readonly messageCount: number; readonly consumerCount: number }
  QueueBindOk: object
  QueueUnbindOk: object
  QueuePurgeOk: { readonly messageCount: number }
  QueueDeleteOk: { readonly messageCount: number }
  BasicQosOk: object
  BasicConsumeOk: { readonly consumerTag: string }
  BasicCancelOk: { readonly consumerTag: string }
  BasicCancel: { readonly consumerTag: string; readonly nowait: boolean }
  BasicReturn: {
    readonly replyCode: number
    readonly replyText: string
    readonly exchange: string
    readonly routingKey: string
  }
  BasicDeliver: Delivered & { readonly consumerTag: string }
  BasicGetOk: Delivered & { readonly messageCount: number }
  BasicGetEmpty: object
  BasicAck: { readonly deliveryTag: number; readonly multiple: boolean }
  BasicNack: { readonly deliveryTag: number; readonly multiple: boolean; readonly requeue: boolean }
  BasicRecoverOk: object
}

export type ClientMethod = {
  [Name in keyof ClientMethods]: { readonly name: Name; readonly id: number; readonly fields: ClientMethods[Name] }
}[keyof ClientMethods]

type Codec = Readonly<Record<keyof ServerMethods, number>> & {
  readonly BasicProperties: number
  decode(id: number, fields: Buffer): unknown
  encodeMethod(id: number, channel: number, fields: object): Buffer
  encodeProperties(id: number, channel: number, size: number, fields: object): Buffer
  info(id: number): { readonly name: string }
}

// amqplib does not export its codec, hence the path, and hence its exactly pinned version.
const require = createRequire(import.meta.url)
const codec = require(join(dirname(require.resolve('amqplib')), 'lib', 'defs.js')) as Codec

/** @throws AmqpError 540 for a method that AMQP 0-9-1 does not know, 502 for fields that do not parse. */
export function decodeMethod(payload: Buffer): ClientMethod {
  if (payload.length < 4) throw new AmqpError('connection', 502, 'SYNTAX_ERROR - a method frame without a method')
  const id = payload.readUInt32BE(0)
  const fields = parsed(() => codec.decode(id, payload.subarray(4)), id)
  return { name: codec.info(id).name, id, fields } as ClientMethod
}

export function encodeMethod<Name extends keyof ServerMethods>(
  name: Name,
  channel: number,
  fields: ServerMethods[Name],
): Buffer {
  return codec.encodeMethod(codec[name], channel, fields)
}

const headerPrefix = 12

/** Size of the body that a content header frame announces, in bytes. */
export function bodySize(header: Buffer): number {
  if (header.length < headerPrefix + 2)
    throw new AmqpError('connection', 502, 'SYNTAX_ERROR - content header too short')
  return Number(header.readBigUInt64BE(4))
}

/** @param header payload of a content header frame. @throws AmqpError 502 when it does not parse. */
export function decodeProperties(header: Buffer): Properties {
  return parsed(() => codec.decode(codec.BasicProperties, header.subarray(headerPrefix)) as Properties)
}

/**
 * The payload of a content header frame.
 * @throws RangeError when the headers exceed the 64 KiB that the codec can encode.
 */
export function encodeProperties(size: number, properties: Properties): Buffer {
  const frame = codec.encodeProperties(codec.BasicProperties, 0, size, properties)
  return frame.subarray(7, -1)
}

function parsed<Result>(decode: () => Result, id?: number): Result {
  try {
    return decode()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (reason.startsWith('Unknown class/method ID')) throw AmqpError.notImplemented(`method ${id}`)
    throw new AmqpError('connection', 502, `SYNTAX_ERROR - ${reason}`)
  }
}
