import { once } from 'node:events'
import type { Channel, ChannelModel, Replies } from 'amqplib'

/** What waits in queues and who takes from them, by their names; of a queue that is missing, nothing. */
export type QueueCounts = ReadonlyMap<string, Replies.AssertQueue>
export type CountQueues = (names: readonly string[]) => Promise<QueueCounts>

/**
 * Asks the broker for queues, on a channel of its own: asking for one that is missing closes the channel, and with it
 * whatever else would be done there.
 * @throws when the connection is lost meanwhile.
 */
export async function countQueues(model: ChannelModel, names: readonly string[]): Promise<QueueCounts> {
  const answered = new AbortController()
  const closed = once(model, 'close', { signal: answered.signal }).then(() => {
    throw new Error('the connection closed')
  })
  try {
    // What is under way when the connection closes may never be answered.
    return await Promise.race([askFor(model, names), closed])
  } finally {
    closed.catch(() => {})
    answered.abort()
  }
}

async function askFor(model: ChannelModel, names: readonly string[]): Promise<QueueCounts> {
  const counts = new Map<string, Replies.AssertQueue>()
  let open: Channel | undefined
  for (const name of names) {
    open ??= await openChannel(model)
    const count = await open.checkQueue(name).catch(() => undefined)
    if (count) counts.set(name, count)
    else open = undefined
  }
  await open?.close()
  return counts
}

async function openChannel(model: ChannelModel): Promise<Channel> {
  const channel = await model.createChannel()
  channel.on('error', () => {})
  return channel
}
