import { isUtf8 } from 'node:buffer'
import type { Message } from '@feira/contracts'
import type { ConsumeMessage } from 'amqplib'
import { z } from 'zod'
import type { Consumer } from './consumer.ts'
import { findHostile, textComplaint } from '../http/hostile-text.ts'
import type { Received } from '../service.ts'
import { readTraceHeaders, unrecordedTrace } from '../telemetry/trace.ts'

/** A message from a queue, validated. */
export interface Delivery {
  readonly raw: ConsumeMessage
  /** Its message type. */
  readonly contract: Message
  readonly message: Received
  readonly aggregateId: string
  /** 1 for the first. Counted in our own header: `x-death` counts what the broker did, not what the handler did. */
  readonly attempt: number
  /** It was delivered before and never answered: whoever had it may have died of it, so it is handled alone. */
  readonly suspect: boolean
}

/** A message that can never be handled, and why. */
export class Malformed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Malformed'
  }
}

/**
 * Reads a message by that contract of its consumer which its type names.
 * @throws Malformed when it has no usable id, is of no type the consumer takes, is not JSON in UTF-8 or does not fit the schema.
 */
export function readDelivery(consumer: Consumer, raw: ConsumeMessage): Delivery {
  const { properties } = raw
  const headers = headersOf(raw)
  const contract = contractOf(consumer, raw)
  const id: unknown = properties.messageId
  if (typeof id !== 'string' || id === '') throw new Malformed('property messageId is missing')
  // PostgreSQL's text, where it is remembered, holds no NUL.
  if (id.includes('\0')) throw new Malformed('property messageId contains NUL')
  const data = parseBody(contract, raw.content)
  return {
    raw,
    contract,
    message: {
      id,
      type: contract.type,
      data,
      correlationId: storableOf(properties.correlationId),
      causedBy: storableOf(headers['caused-by']),
      publishedAt: publishedAt(headers, properties.timestamp),
      trace: readTraceHeaders(headers) ?? unrecordedTrace(),
    },
    aggregateId: String((data as Record<string, unknown>)[contract.aggregate.id]),
    attempt: attemptOf(raw),
    suspect: isSuspect(raw),
  }
}

/** The AMQP type of a message, else its routing key, which a publisher who sets no type must have used. */
export function typeOf({ properties, fields }: ConsumeMessage): string {
  return textOf(properties.type) ?? fields.routingKey
}

function contractOf({ messages }: Consumer, raw: ConsumeMessage): Message {
  const type = typeOf(raw)
  const contract = messages.find(message => message.type === type)
  if (contract) return contract
  throw new Malformed(`type is ${type}, not ${messages.map(message => message.type).join(' or ')}`)
}

/** Whether a message came back without an answer, by what the broker says of it. */
export function isSuspect(raw: ConsumeMessage): boolean {
  return raw.fields.redelivered || Number(headersOf(raw)['x-delivery-count'] ?? 0) >= 2
}

export function attemptOf(raw: ConsumeMessage): number {
  const attempt = Number(headersOf(raw)['x-attempt'])
  return Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1
}

export function headersOf(raw: ConsumeMessage): Record<string, unknown> {
  return raw.properties.headers ?? {}
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

// Both are passed on with what the message leads to. One that no database takes is dropped; the message is as good without.
function storableOf(value: unknown): string | undefined {
  const text = textOf(value)
  return text === undefined || textComplaint(text) === undefined ? text : undefined
}

function parseBody({ schema, type }: Message, content: Buffer): unknown {
  const parsed = schema.safeParse(parseJson(content))
  if (!parsed.success) throw new Malformed(`body does not fit ${type}: ${z.prettifyError(parsed.error)}`)
  // In UTF-8, hostile text can only be an escape. What the contract does not name is gone by now, and may hold anything.
  const [hostile] = content.includes('\\u') ? findHostile(parsed.data) : []
  if (hostile) throw new Malformed(`body does not fit ${type}: ${hostile.field} ${hostile.message}`)
  return parsed.data
}

function parseJson(content: Buffer): unknown {
  if (!isUtf8(content)) throw new Malformed('body is not UTF-8')
  try {
    return JSON.parse(content.toString('utf8'))
  } catch {
    // What the parser says quotes the body, which may be personal and would make each such failure look like another.
    throw new Malformed('body is not JSON')
  }
}

function publishedAt(headers: Record<string, unknown>, timestamp: unknown): Date | undefined {
  const exact = new Date(textOf(headers['published-at']) ?? Number.NaN)
  if (!Number.isNaN(exact.getTime())) return exact
  return typeof timestamp === 'number' ? new Date(timestamp * 1_000) : undefined
}
