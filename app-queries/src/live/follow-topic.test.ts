import { newId, type EventStream } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import { expect, test } from 'vitest'
import { openModel } from '../testing/model.ts'
import { createFeed, pageSize } from './feed.ts'
import { followTopic } from './follow-topic.ts'
import { ofOrder } from './topic.ts'

/** A client that takes its time: it notes what it is sent, and reads on when `onDrained` resolves. */
function slowClient(onDrained: () => Promise<void>) {
  const positions: number[] = []
  const stream: EventStream = {
    closed: false,
    send: text => void positions.push(Number(/^id: (\d+)/.exec(text)?.[1])),
    drained: onDrained,
    end: () => {},
  }
  return { stream, positions }
}

test('what happens while a client still reads what has happened is told after that, and once', async () => {
  await using model = await openModel()
  const orderId = newId()
  const write = (count: number) =>
    model.sql(
      `insert into timeline (message_id, order_id, type, service, trace_id, published_at, projected_at)
       select gen_random_uuid(), $1, 'order.paid', 'orders', repeat('0', 32), now(), now() from generate_series(1, $2)`,
      orderId,
      count,
    )
  await write(2 * pageSize + 10)
  const feed = createFeed(model.resources)
  const following = followTopic({ db: model.resources.db, feed, topic: ofOrder(orderId) })
  await following.join()
  let pages = 0
  const { stream, positions } = slowClient(async () => {
    if (++pages > 2) return
    const before = feed.position
    await write(1)
    feed.wake()
    await waitUntil('the feed has told it', () => feed.position > before)
  })
  await following.tell(stream, 0).finally(following.leave)
  expect(pages).toBeGreaterThan(2)
  const rows = await model.sql<{ position: string }>('select position from timeline order by position')
  expect(positions).toEqual(rows.map(({ position }) => Number(position)))
})
