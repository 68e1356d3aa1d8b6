import { isUtf8 } from 'node:buffer'
import type { ConsumeMessage } from 'amqplib'
import { z } from 'zod'
import type { Consumer } from './consumer.ts'
import type { Received } from '../service.ts'
import { newSpanId, newTraceId, readTraceHeaders } from '../telemetry/trace.ts'

/** A message from a queue, validated. */
export interface Delivery {
  readonly raw: ConsumeMessage
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
 * Reads a message by the contract of its consumer.
 * @throws Malformed when it has no usable id, is of another type, is not JSON in UTF-8 or does not fit the schema.
 */
export function readDelivery(consumer: Consumer, raw: ConsumeMessage): Delivery {
  const { properties } = raw
  const headers = headersOf(raw)
  const type = typeof properties.type === 'string' && properties.type ? properties.type : raw.fields.routingKey
  if (type !== consumer.message.type) throw new Malformed(`type is ${type}, not ${consumer.message.type}`)
  const id: unknown = properties.messageId
  if (typeof id !== 'string' || id === '') throw new Malformed('property messageId is missing')
  // PostgreSQL's text, where it is remembered, holds no NUL.
  if (id.includes('\0')) throw new Malformed('property messageId contains NUL')
  const data = parseBody(consumer, raw.content)
  return {
    raw,
    message: {
      id,
      type,
      data,
      correlationId: textOf(properties.correlationId),
      causedBy: textOf(headers['caused-by']),
      publishedAt: publishedAt(headers, properties.timestamp),
      trace: readTraceHeaders(headers) ?? { traceId: newTraceId(), spanId: newSpanId(), sampled: false },
    },
    aggregateId: String((data as Record<string, unknown>)[consumer.message.aggregate.id]),
    attempt: attemptOf(raw),
    suspect: isSuspect(raw),
  }
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

function parseBody(consumer: Consumer, content: Buffer): unknown {
  const parsed = consumer.message.schema.safeParse(parseJson(content))
  if (!parsed.success)
    throw new Malformed(`body does not fit ${consumer.message.type}: ${z.prettifyError(parsed.error)}`)
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
