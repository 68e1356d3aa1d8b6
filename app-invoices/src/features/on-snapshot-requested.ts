import { answerSnapshots } from '@feira/chassis'
import { invoiceSnapshot } from '@feira/contracts/invoices'
import { snapshotCompleted, snapshotRequested } from '@feira/contracts/snapshots'
import { asc, gt } from 'drizzle-orm'
import { payloadOf } from '../publish-invoice.ts'
import { invoices } from '../schema.ts'

/** `snapshot.requested` → `invoice.snapshot` for every invoice, and `snapshot.completed`. */
export const onSnapshotRequested = answerSnapshots({
  requested: snapshotRequested,
  completed: snapshotCompleted,
  row: invoiceSnapshot,
  kind: 'invoice',
  owner: 'invoices',
  readPage: ({ db }, after, limit): Promise<(typeof invoices.$inferSelect)[]> =>
    db
      .select()
      .from(invoices)
      .where(after === undefined ? undefined : gt(invoices.id, after))
      .orderBy(asc(invoices.id))
      .limit(limit),
  toPayload: row => ({
    ...payloadOf(row, row.version),
    status: row.status,
    paidAt: row.paidAt?.toISOString() ?? null,
    voidedAt: row.voidedAt?.toISOString() ?? null,
  }),
})
