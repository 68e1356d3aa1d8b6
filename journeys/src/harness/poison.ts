import { randomUUID } from 'node:crypto'
import type { Outgoing, Seen } from './broker.ts'
import { consumerQueues } from './queues.ts'
import type { ServiceName } from './service-process.ts'

/** Bodies that fit no message. */
const bodies: readonly (string | Buffer)[] = [
  '{"orderId":',
  '',
  'null',
  '[]',
  '{}',
  JSON.stringify({ orderId: 'not an id', userId: -1, productId: {}, version: 1e99 }),
  Buffer.from([0xff, 0x00, 0xfe]),
  '['.repeat(20_000),
]

/** Messages that can never be handled: some kinds under each message type, and in each queue that is bound to none. */
export function poisonFor(services: readonly ServiceName[]) {
  const queues = consumerQueues(services)
  const types = [...new Set(queues.flatMap(queue => queue.types))]
  const direct = queues.filter(queue => queue.types.length === 0)
  return [
    ...types.flatMap(type => [
      ...bodies.map(body => ({ type, body, options: { messageId: randomUUID() } })),
      // A type that nobody knows, under a routing key that somebody listens to.
      { type, body: '{}', options: { messageId: randomUUID(), type: 'journey.unheard' } },
    ]),
    ...direct.flatMap(({ name: queue }) =>
      bodies.map(body => ({ type: 'journey.direct', queue, body, options: { messageId: randomUUID() } })),
    ),
  ]
}

/** A message once more: as the same one, and as another one that says the same. */
export function copiesOf({ id, type, headers, body }: Seen): Outgoing[] {
  const ids = [...(id === undefined ? [] : [id]), randomUUID()]
  return ids.map(messageId => ({ type, body: JSON.stringify(body), options: { messageId, headers } }))
}

export function shuffled<Each>(list: readonly Each[]): Each[] {
  return list
    .map(each => ({ each, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ each }) => each)
}
