import type { Message } from '@feira/contracts'
import { jsonSchemaOf, type JsonSchema } from '@feira/contracts/json-schema'
import type { Flow, Reader } from './flows.ts'
import { capitalised, type Json } from './openapi.ts'

const exchange = { name: 'feira.events', type: 'topic', durable: true, autoDelete: false, vhost: '/' }
const bindingVersion = '0.3.0'
const answers = 'snapshot-answers'

const description = `The messages that the services of Feira exchange, over one durable topic exchange, \`feira.events\`. The routing key is the type of the message; the body is its payload as plain JSON, nothing around it. Each consumer has a durable queue of its own, \`<service>.<consumer>\`, shared by the replicas of the service.

Delivery is at least once, and each consumer's effect happens once: it remembers the \`messageId\`. Messages may arrive in any order; each names its aggregate and that one's version, and readers drop what is older. A handler that fails is tried again after 1, 2, 4, 8 and 16 s, then the message is parked as a dead letter; one that does not fit its schema at once.

Exchange and queues may have a prefix, \`BROKER_NAMESPACE\`. Messages only grow: fields are added, never removed or changed.`

const servers = {
  local: { host: 'localhost:56729', protocol: 'amqp', protocolVersion: '0.9.1', description: 'of `npm start`' },
  compose: { host: 'localhost:5672', protocol: 'amqp', protocolVersion: '0.9.1', description: 'of compose' },
}

/** AMQP has properties beside its headers; AsyncAPI has but one word for both. */
const headers = {
  type: 'object',
  properties: {
    messageId: {
      type: 'string',
      format: 'uuid',
      description: 'AMQP property. A message is handled once for each id, so a repetition keeps it.',
    },
    type: { type: 'string', description: 'AMQP property: the type. The routing key counts when it is missing.' },
    timestamp: { type: 'integer', description: 'AMQP property: when it was written, in seconds.' },
    contentType: { type: 'string', const: 'application/json', description: 'AMQP property.' },
    correlationId: { type: 'string', description: 'AMQP property: the id of the whole conversation.' },
    appId: { type: 'string', description: 'AMQP property: the publishing service, e.g. `app-orders`.' },
    traceparent: { type: 'string', description: 'W3C Trace Context.' },
    tracestate: { type: 'string', description: 'W3C Trace Context.' },
    baggage: { type: 'string', description: 'W3C Baggage.' },
    'aggregate-type': { type: 'string', description: 'What it speaks of; readers go by the body.' },
    'aggregate-id': { type: 'string' },
    'aggregate-version': { type: 'integer' },
    'caused-by': { type: 'string', description: 'The `messageId` that this one answers.' },
    'published-at': { type: 'string', format: 'date-time', description: 'The timestamp with its milliseconds.' },
    'x-attempt': { type: 'integer', description: 'Set by a consumer that repeats a message; never by a publisher.' },
  },
  required: ['messageId'],
}

/** The AsyncAPI 3.0 document of all services: a channel for each routing key, and for each queue that has none. */
export function describeMessages(flows: readonly Flow[], tags: readonly { name: string; description: string }[]): Json {
  const unbound = new Map<string, Message[]>()
  for (const { message, readers } of flows)
    for (const { queue } of readers.filter(({ bound }) => !bound))
      unbound.set(queue, [...(unbound.get(queue) ?? []), message])
  const broadcast = flows.filter(({ answerers }) => answerers.length === 0)
  const answered = flows.filter(({ answerers }) => answerers.length > 0).map(({ message }) => message)
  return {
    asyncapi: '3.0.0',
    info: { title: 'Feira', version: '1', description, tags },
    defaultContentType: 'application/json',
    servers,
    channels: {
      ...Object.fromEntries(broadcast.map(({ message }) => [message.type, routingKey(message)])),
      ...Object.fromEntries([...unbound].map(([queue, messages]) => [queue, queueChannel(queue, messages)])),
      [answers]: {
        address: null,
        description: 'The queue that a `snapshot.requested` names, and nobody else.',
        messages: referencesTo(answered),
      },
    },
    operations: Object.fromEntries(flows.flatMap(flow => [...sending(flow), ...receiving(flow, answered)])),
    components: {
      messages: Object.fromEntries(flows.map(({ message }) => [message.type, describeMessage(message)])),
      schemas: {
        Headers: headers,
        ...Object.fromEntries(flows.map(({ message }) => [capitalised(message.type), payloadOf(message)])),
      },
      correlationIds: {
        conversation: {
          description: 'Goes on from each message to those that it leads to.',
          location: '$message.header#/correlationId',
        },
      },
    },
  }
}

function routingKey(message: Message): Json {
  return {
    address: message.type,
    description: message.summary,
    messages: referencesTo([message]),
    bindings: { amqp: { is: 'routingKey', exchange, bindingVersion } },
  }
}

function queueChannel(name: string, messages: readonly Message[]): Json {
  const queue = { name, durable: true, exclusive: false, autoDelete: false, vhost: '/' }
  return {
    address: name,
    description: 'A queue that is not bound to the exchange: it takes what is sent to it by name.',
    messages: referencesTo(messages),
    bindings: { amqp: { is: 'queue', queue, bindingVersion } },
  }
}

function referencesTo(messages: readonly Message[]): Json {
  return Object.fromEntries(messages.map(({ type }) => [type, { $ref: `#/components/messages/${type}` }]))
}

function describeMessage(message: Message): Json {
  const { type, kind, owner, summary, aggregate, schema, example } = message
  return {
    name: type,
    title: type,
    summary,
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/Headers' },
    payload: { $ref: `#/components/schemas/${capitalised(type)}` },
    correlationId: { $ref: '#/components/correlationIds/conversation' },
    bindings: { amqp: { messageType: type, bindingVersion } },
    examples: [{ name: 'example', payload: schema.parse(example) }],
    'x-kind': kind,
    'x-owner': owner,
    'x-aggregate': aggregate,
  }
}

function payloadOf(message: Message): Json {
  const schema = jsonSchemaOf(message)
  const { type, properties, required } = JSON.parse(JSON.stringify(schema), withoutPattern) as {
    readonly type: string
    readonly properties: Readonly<Record<string, JsonSchema>>
    readonly required: readonly string[]
  }
  // Anybody may publish a command, and may leave out what has a default.
  const mayLack = (name: string) => message.kind === 'command' && Object.hasOwn(properties[name] ?? {}, 'default')
  return { type, properties, required: required.filter(name => !mayLack(name)) }
}

// A format says what the regular expressions of its validator say again, at length.
function withoutPattern(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('format' in value)) return value
  return Object.fromEntries(Object.entries(value).filter(([keyword]) => keyword !== 'pattern'))
}

type Operations = [string, Json][]

function sending({ message, publishers, answerers }: Flow): Operations {
  const { type } = message
  const outside = publishers.length + answerers.length === 0 ? [message.owner] : []
  return [...publishers, ...outside, ...answerers].map(service => [
    `${service}.publishes.${type}`,
    {
      action: 'send',
      summary: outside.length > 0 ? 'By somebody outside of Feira.' : `By app-${service}.`,
      ...onChannel(answerers.length > 0 ? answers : type, [type]),
      tags: [{ name: service }],
      bindings: { amqp: { deliveryMode: 2, timestamp: true, bindingVersion } },
    },
  ])
}

function receiving({ message: { type }, readers }: Flow, answered: readonly Message[]): Operations {
  return readers.map(({ service, queue, bound }: Reader) => [
    `${queue}.reads.${type}`,
    {
      action: 'receive',
      summary: `By app-${service}, from its queue \`${queue}\`.`,
      ...onChannel(bound ? type : queue, [type]),
      tags: [{ name: service }],
      bindings: { amqp: { ack: true, bindingVersion } },
      ...(type === 'snapshot.requested' ? { reply: replyOf(service, answered) } : {}),
    },
  ])
}

function onChannel(channel: string, types: readonly string[]): Json {
  return {
    channel: { $ref: `#/channels/${channel}` },
    messages: types.map(type => ({ $ref: `#/channels/${channel}/messages/${type}` })),
  }
}

function replyOf(service: string, answered: readonly Message[]): Json {
  const own = answered.filter(({ owner }) => owner === service || owner === 'snapshots').map(({ type }) => type)
  return { address: { location: '$message.payload#/replyQueue' }, ...onChannel(answers, own) }
}
