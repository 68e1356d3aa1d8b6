import type { Transaction } from '@feira/chassis'

/** Every cached answer bears this tag, beside those of what it shows: a rebuild changes all of them at once. */
export const everything = 'model'

/** How many answers are evicted one by one; of more, telling every replica of each would cost more than it saves. */
const maxTags = 1_000

/** Evicts the cached answers with any of these tags. */
export function evict({ invalidate }: Transaction, tags: readonly string[]): void {
  const distinct = new Set(tags)
  invalidate(...(distinct.size > maxTags ? [everything] : distinct))
}

/** The tags of what shows these orders, and whatever belongs to them. */
export function tagsOfOrders(orderIds: readonly string[]): string[] {
  return orderIds.length === 0 ? [] : ['orders', ...orderIds.map(id => `order:${id}`)]
}
