import { rejections } from '@feira/chassis'
import type { Feed } from './feed.ts'
import { ofOrder } from './topic.ts'

/** Milliseconds for which somebody may be faster than the message of what they did. */
const patience = 2_000

/**
 * Waits, at most 2 s, until an order is there for its caller to see. Just as long where it is somebody else's, so that
 * the answer does not tell that it exists.
 * @throws Rejection `order-not-found`
 */
export async function waitForOrder(feed: Feed, orderId: string, isVisible: () => Promise<boolean>): Promise<void> {
  if (await isVisible()) return
  let news = Promise.withResolvers<void>()
  const hear = () => news.resolve()
  const follower = { topic: ofOrder(orderId), hear }
  const tooLate = AbortSignal.timeout(patience)
  tooLate.addEventListener('abort', hear)
  try {
    await feed.join(follower)
    while (!(await isVisible())) {
      if (tooLate.aborted) throw rejections.notFound('order', orderId)
      await news.promise
      news = Promise.withResolvers()
    }
  } finally {
    feed.leave(follower)
  }
}
