import type { SpanOptions } from '../telemetry/tracer.ts'

/** A message as its sender or its reader sees it. */
export interface Passage {
  readonly brokerUrl: string
  /** Empty for the default exchange, whose routing key is a queue's name. */
  readonly exchange: string
  readonly routingKey: string
  /** Where a reader takes it from. */
  readonly queue?: string
  readonly messageId: string
  readonly correlationId: string | undefined
  readonly bodySize: number
}

const operationTypes = { publish: 'send', process: 'process' } as const

/** Name and attributes of a span about one message, by https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/. */
export function messageSpan(operation: keyof typeof operationTypes, passage: Passage) {
  const { brokerUrl, routingKey, messageId, correlationId, bodySize } = passage
  const { hostname, port } = new URL(brokerUrl)
  const destination = destinationOf(passage)
  const attributes: NonNullable<SpanOptions['attributes']> = {
    'messaging.system.name': 'rabbitmq',
    'messaging.operation.type': operationTypes[operation],
    'messaging.operation.name': operation,
    'messaging.destination.name': destination,
    'rabbitmq.destination.routing_key': routingKey,
    'messaging.message.id': messageId,
    'messaging.message.conversation_id': correlationId,
    'messaging.message.body.size': bodySize,
    'server.address': hostname,
    'server.port': Number(port || (brokerUrl.startsWith('amqps') ? 5_671 : 5_672)),
  }
  return { name: `${operation} ${destination}`, attributes }
}

/** Exchange, routing key and queue, as far as they are there and differ. */
function destinationOf({ exchange, routingKey, queue = '' }: Passage): string {
  return [...new Set([exchange, routingKey, queue])].filter(part => part !== '').join(':')
}
