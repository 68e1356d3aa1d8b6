import { answerSnapshots } from '@feira/chassis'
import { productSnapshot } from '@feira/contracts/products'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { and, asc, gt, isNull } from 'drizzle-orm'
import { toPayload, type ProductRow } from '../product-view.ts'
import { products } from '../schema.ts'

/** `snapshot.requested` → `product.snapshot` for each product for sale, with its stock, and `snapshot.completed`. */
export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: productSnapshot,
  kind: 'product',
  owner: 'products',
  readPage: ({ db }, after, limit): Promise<ProductRow[]> =>
    db
      .select()
      .from(products)
      .where(and(isNull(products.deletedAt), after === undefined ? undefined : gt(products.id, after)))
      .orderBy(asc(products.id))
      .limit(limit),
  toPayload: row => {
    const { stockVersion: version, available, reserved } = row
    return { ...toPayload(row), stock: { version, available, reserved } }
  },
})
