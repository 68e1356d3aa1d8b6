import type { Transaction } from '@feira/chassis'
import { inArray, sql } from 'drizzle-orm'
import { statusBy, type Standing } from './domain/invoice.ts'
import { pauseIssuing } from './issuing-lock.ts'
import { invoiceMarks, invoices } from './schema.ts'
import { addToTotals } from './totals.ts'

export type Invoice = typeof invoices.$inferSelect

/** What is known of some orders: the invoice, or what arrived before it could be issued. */
export interface Known {
  readonly invoices: ReadonlyMap<string, Invoice>
  readonly marks: ReadonlyMap<string, Standing>
}

/**
 * Reads what is known of these orders and lets nobody else change it until the transaction ends. Rows are locked in the
 * order of their order ids, as everywhere.
 */
export async function lockKnown(tx: Transaction, orderIds: string[]): Promise<Known> {
  const early = await hasEarlyOnes(tx, orderIds)
  if (early) await tx.query(pauseIssuing)
  const rows = await tx.db
    .select()
    .from(invoices)
    .where(inArray(invoices.orderId, orderIds))
    .orderBy(invoices.orderId)
    .for('update')
  return {
    invoices: new Map(rows.map(row => [row.orderId, row])),
    marks: early ? await readMarks(tx, orderIds) : new Map(),
  }
}

/** Whether one of these orders has no invoice that is committed. */
async function hasEarlyOnes(tx: Transaction, orderIds: string[]): Promise<boolean> {
  const { rows } = await tx.query<{ early: boolean }>({
    name: 'has-early-ones',
    text: `select exists (select 1 from unnest($1::uuid[]) as wanted (order_id)
             where not exists (select 1 from invoices known where known.order_id = wanted.order_id)) as early`,
    values: [orderIds],
  })
  return rows[0]?.early === true
}

async function readMarks(tx: Transaction, orderIds: string[]): Promise<Map<string, Standing>> {
  const rows = await tx.db.select().from(invoiceMarks).where(inArray(invoiceMarks.orderId, orderIds))
  return new Map(rows.map(row => [row.orderId, { ...row, status: statusBy(row) }]))
}

/** An invoice as it was and as it is to be. */
export interface Change {
  readonly before: Invoice
  readonly after: Invoice
}

/** Stores changed invoices, which {@link lockKnown} has locked, and counts them anew. */
export async function storeInvoices(tx: Transaction, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return
  const after = changes.map(change => change.after)
  await tx.query({
    name: 'store-invoices',
    text: storing,
    values: [
      after.map(({ id }) => id),
      changes.map(({ before }) => before.status),
      after.map(({ status }) => status),
      after.map(({ version }) => version),
      after.map(({ orderVersion }) => orderVersion),
      after.map(({ paidAt }) => paidAt),
      after.map(({ voidedAt }) => voidedAt),
      after.map(({ updatedAt }) => updatedAt),
      after.map(({ customerName }) => customerName),
      after.map(({ customerEmail }) => customerEmail),
      after.map(({ locale }) => locale),
    ],
  })
}

const storing = `
  with changed as (
    update invoices set status = c.status, version = c.version, order_version = c.order_version, paid_at = c.paid_at,
      voided_at = c.voided_at, updated_at = c.updated_at, customer_name = c.customer_name,
      customer_email = c.customer_email, locale = c.locale
    from unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::timestamptz[], $7::timestamptz[],
      $8::timestamptz[], $9::text[], $10::text[], $11::text[]) as c (id, was, status, version, order_version, paid_at,
      voided_at, updated_at, customer_name, customer_email, locale)
    where invoices.id = c.id
    returning invoices.month, invoices.currency, invoices.total_cents, c.was, c.status)
  ${addToTotals(`select month, currency, measure, sum(change), sum(change * total_cents)::bigint
    from changed cross join (values ('paid'), ('void')) as m (measure)
      cross join lateral (select (status = measure)::int - (was = measure)::int as change) as counting
    where change <> 0 and month is not null
    group by month, currency, measure order by month, currency, measure`)}`

/** Notes how the orders stand whose invoices are still to be issued. */
export async function storeMarks(tx: Transaction, marks: ReadonlyMap<string, Standing>, now: Date): Promise<void> {
  if (marks.size === 0) return
  await tx.db
    .insert(invoiceMarks)
    .values([...marks].map(([orderId, standing]) => ({ ...standing, orderId, notedAt: now })))
    .onConflictDoUpdate({
      target: invoiceMarks.orderId,
      set: {
        orderVersion: sql`excluded.order_version`,
        paidAt: sql`excluded.paid_at`,
        voidedAt: sql`excluded.voided_at`,
        notedAt: sql`excluded.noted_at`,
      },
    })
}
