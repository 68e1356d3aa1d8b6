import { consume, type Transaction } from '@feira/chassis'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { and, asc, gt, isNull } from 'drizzle-orm'
import { toPayload } from '../product-view.ts'
import { products } from '../schema.ts'

const kind = 'product'
const ownQueue = 'products.on-snapshot-requested'
/** Rows in memory, and in one transaction. */
const pageSize = 500

/**
 * `snapshot.requested` → `product.snapshot` for each product for sale, and `snapshot.completed`, to the queue of whoever
 * asked. After each page it sends itself the request to go on, so that any number of products is sent, each once.
 */
export const onSnapshotRequested = consume('on-snapshot-requested', snapshotRequested, async ({ data }, tx) => {
  const { requestId, kinds, replyQueue: queue, progress } = data
  if (!kinds.includes(kind)) return
  const rows = await readPage(tx, progress?.after)
  for (const row of rows) tx.publish(productSnapshot, { ...toPayload(row), requestId }, { queue })
  const sent = (progress?.sent ?? 0) + rows.length
  const last = rows.at(pageSize - 1)
  if (last) tx.publish(snapshotRequested, { ...data, progress: { after: last.id, sent } }, { queue: ownQueue })
  else tx.publish(snapshotCompleted, { requestId, owner: 'products', kind, count: sent }, { queue })
})

function readPage({ db }: Transaction, after: string | undefined) {
  return db
    .select()
    .from(products)
    .where(and(isNull(products.deletedAt), after === undefined ? undefined : gt(products.id, after)))
    .orderBy(asc(products.id))
    .limit(pageSize)
}
