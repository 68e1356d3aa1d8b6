import { perform, type Received, type Resources } from '@feira/chassis'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { and, asc, gt, isNull } from 'drizzle-orm'
import { toPayload } from '../product-view.ts'
import { products } from '../schema.ts'

type Request = Received<typeof snapshotRequested>

/** Rows in memory, and in one transaction. */
const pageSize = 500
const kind = 'product'

/**
 * `snapshot.requested` → `product.snapshot` for each product for sale, and `snapshot.completed`, to the queue of whoever
 * asked. After a crash all rows are sent again: readers drop what they have.
 */
export const onSnapshotRequested = perform(
  'on-snapshot-requested',
  snapshotRequested,
  {
    claim: async request => (request.data.kinds.includes(kind) ? request : undefined),
    act: sendAll,
    async settle({ data: { requestId, replyQueue } }, count, tx) {
      tx.publish(snapshotCompleted, { requestId, owner: 'products', kind, count }, { queue: replyQueue })
    },
  },
  { maxInFlight: 1 },
)

/** @returns how many rows were sent. */
async function sendAll(request: Request, resources: Pick<Resources, 'transact'>): Promise<number> {
  let count = 0
  for (let after: string | undefined; ;) {
    const sent = await sendPage(request, after, resources)
    count += sent.length
    after = sent.at(-1)
    if (sent.length < pageSize) return count
  }
}

function sendPage(cause: Request, after: string | undefined, { transact }: Pick<Resources, 'transact'>) {
  const { requestId, replyQueue: queue } = cause.data
  return transact(async tx => {
    const rows = await tx.db
      .select()
      .from(products)
      .where(and(isNull(products.deletedAt), after === undefined ? undefined : gt(products.id, after)))
      .orderBy(asc(products.id))
      .limit(pageSize)
    for (const row of rows) tx.publish(productSnapshot, { ...toPayload(row), requestId }, { queue, cause })
    return rows.map(({ id }) => id)
  })
}
