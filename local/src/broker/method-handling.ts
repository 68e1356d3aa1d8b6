import { randomBytes } from 'node:crypto'
import type { ClientMethods, ServerMethods } from './amqp-codec.ts'
import { AmqpError } from './amqp-error.ts'
import type { Channel } from './channel.ts'
import type { Queue } from './queue.ts'

/** What methods do on a channel. */
export type MethodHandlers = {
  readonly [Name in keyof ClientMethods]?: (channel: Channel, fields: ClientMethods[Name]) => void
}

/** Answers unless the client asked not to. */
export function reply<Name extends keyof ServerMethods>(
  channel: Channel,
  { nowait }: { readonly nowait: boolean },
  name: Name,
  fields: ServerMethods[Name],
): void {
  if (!nowait) channel.send(name, fields)
}

/** @throws AmqpError 404, or 405 for another connection's exclusive queue. */
export function queueOf(channel: Channel, name: string): Queue {
  const queue = channel.host.findQueue(name || channel.lastQueue)
  if (!queue) throw AmqpError.notFound('queue', name)
  if (queue.owner && queue.owner !== channel.connection) throw AmqpError.locked(queue.definition.name)
  return queue
}

export function generatedName(prefix: string): string {
  return prefix + randomBytes(16).toString('base64url')
}
