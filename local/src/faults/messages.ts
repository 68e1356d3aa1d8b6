import { randomUUID } from 'node:crypto'
import { CannotBreak, fault, lasts } from './fault.ts'
import { endOwnSessions } from './databases.ts'
import type { RunningSystem } from './running-system.ts'

const named = ({ config }: RunningSystem, name: string) => config.BROKER_NAMESPACE + name

const route = { queue: 'queries.on-stock-changed', type: 'stock.changed' }

export const unroutedMessages = fault<{ readonly productId: string }>({
  summary:
    'the queue queries.on-stock-changed is unbound from stock.changed, which nobody else takes; a product is added',
  alerts: ['UnroutedMessages'],
  prepare: async ({ addProduct }) => ({ productId: await addProduct(1) }),
  async cause(system, { productId }, signal) {
    const [queue, exchange] = [named(system, route.queue), named(system, 'feira.events')]
    await system.onChannel(channel => channel.unbindQueue(queue, exchange, route.type))
    await system.ask('products', `/products/${productId}/stock`, { body: { adjustment: 1, reason: 'fault' } })
    await lasts(signal)
  },
  async mend(system, { productId }) {
    const [queue, exchange] = [named(system, route.queue), named(system, 'feira.events')]
    await system.onChannel(channel => channel.bindQueue(queue, exchange, route.type))
    await system.ask('products', `/products/${productId}`, { method: 'DELETE' }).catch(() => {})
  },
})

export const deadLetters = fault<{ readonly messageId: string }>({
  summary: 'a message that is no JSON arrives in invoices.on-order-created',
  alerts: ['DeadLetters'],
  prepare: async () => ({ messageId: randomUUID() }),
  async cause(system, { messageId }, signal) {
    await system.onChannel(async channel => {
      channel.sendToQueue(named(system, 'invoices.on-order-created'), Buffer.from('not JSON'), {
        messageId,
        type: 'order.created',
        persistent: true,
      })
      await channel.waitForConfirms()
    })
    await lasts(signal)
  },
  async mend({ inDatabase }, { messageId }) {
    const text = 'delete from chassis.dead_letters where message_id = $1'
    await inDatabase('invoices', client => client.query(text, [messageId]))
  },
})

/** More than a consumer has in its hands besides those that wait. */
const copies = 1_000

export const queueBacklog = fault<{ readonly messageId: string; readonly payload: string }>({
  summary: `app-invoices cannot note what it has handled, and ${copies} copies of a message that it knows arrive`,
  alerts: ['QueueBacklog'],
  async prepare({ inDatabase }) {
    const text = `select coalesce(message_id::text, id::text) as "messageId", payload::text as payload from chassis.outbox
      where type = 'order.created' and published_at < now() - interval '10 s' order by id desc limit 1`
    const { rows } = await inDatabase('orders', client => client.query<{ messageId: string; payload: string }>(text))
    if (rows[0]) return rows[0]
    throw new CannotBreak('There is no order yet whose message could be repeated: `npm run demo`, and again in 10 s.')
  },
  async cause(system, { messageId, payload }, signal) {
    const queue = named(system, 'invoices.on-order-created')
    await whileInboxIsLocked(system, 'invoices', signal, async () => {
      await system.onChannel(async channel => {
        const options = { messageId, type: 'order.created', persistent: true, contentType: 'application/json' }
        for (let sent = 0; sent < copies; sent++) channel.sendToQueue(queue, Buffer.from(payload), options)
        await channel.waitForConfirms()
      })
      await lasts(signal)
    })
  },
  mend: system => endOwnSessions(system, 'invoices'),
})

/**
 * While the inbox of a service is locked none of its consumers can handle anything; requests are answered. A handler that
 * waits has failed after a minute (`HANDLER_TIMEOUT`), one message after the other, so that none dies of it within the hour.
 */
export async function whileInboxIsLocked(
  { inDatabase }: RunningSystem,
  service: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  await inDatabase(service, async client => {
    await client.query('begin')
    await client.query('lock table chassis.processed_messages in exclusive mode')
    if (!signal.aborted) await work()
    await client.query('rollback')
  })
}
