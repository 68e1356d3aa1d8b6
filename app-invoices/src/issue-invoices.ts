import { newId, type Transaction } from '@feira/chassis'
import type { Data } from '@feira/contracts'
import type { orderCreated } from '@feira/contracts/orders'
import { columnsOf } from './customer.ts'
import { joinIssuing } from './issuing-lock.ts'
import { countNew } from './totals.ts'

/** An invoice that is new; the times tell what had happened to its order before. */
export type IssuedRow = {
  readonly id: string
  readonly order_id: string
  readonly number: string
  readonly paid_at: Date | null
  readonly voided_at: Date | null
}

export interface Issuing {
  /** Each order once. */
  readonly orders: readonly Data<typeof orderCreated>[]
  readonly issuedAt: Date
  /** Of `issuedAt`, in the time zone of the invoices: `2026-11`. */
  readonly month: string
}

/** Stores and numbers the invoices of those orders that have none, as void or paid where a mark says so. */
export async function issueInvoices(tx: Transaction, { orders, issuedAt, month }: Issuing): Promise<IssuedRow[]> {
  const year = Number(month.slice(0, -3))
  const [, { rows }] = await Promise.all([
    tx.query(joinIssuing),
    tx.query<IssuedRow>({
      name: 'issue-invoices',
      text: statement,
      values: [year, month, issuedAt, ...arraysOf(orders)],
    }),
  ])
  return rows
}

// The counter is advanced by as many invoices as are new, in the transaction that stores them: a rollback gives the
// numbers back, and whoever comes next waits for the row, so there is neither a gap nor a number given twice. Marks
// and totals are locked after it, the totals in the order of their key, as everywhere.
const statement = `
  with fresh as (
    select * from unnest($4::uuid[], $5::uuid[], $6::int[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::jsonb[],
      $12::bigint[], $13::text[]) with ordinality as t (id, order_id, order_version, user_id, customer_name,
      customer_email, locale, items, total_cents, currency, place)
    where not exists (select 1 from invoices known where known.order_id = t.order_id)),
  counter as (
    insert into invoice_counters (year, last) select $1, count(*) from fresh having count(*) > 0
    on conflict (year) do update set last = invoice_counters.last + excluded.last returning last),
  mark as (
    delete from invoice_marks using fresh, counter where invoice_marks.order_id = fresh.order_id
    returning invoice_marks.*),
  numbered as (
    select fresh.*, (last - count(*) over () + row_number() over (order by place))::text as sequence from fresh, counter),
  stored as (
    insert into invoices (id, order_id, order_version, number, user_id, customer_name, customer_email, locale, items,
      total_cents, currency, status, version, month, issued_at, paid_at, voided_at, updated_at)
    select id, order_id, greatest(numbered.order_version, mark.order_version),
      $1 || '-' || lpad(sequence, greatest(6, length(sequence)), '0'), user_id, customer_name, customer_email, locale,
      items, total_cents, currency,
      case when voided_at is not null then 'void' when paid_at is not null then 'paid' else 'issued' end,
      1 + num_nonnulls(paid_at, voided_at), $2, $3, paid_at, voided_at, $3
    from numbered left join mark using (order_id) returning *),
  counted as (${countNew('stored')})
  select id, order_id, number, paid_at, voided_at from stored`

function arraysOf(orders: Issuing['orders']): unknown[][] {
  const customers = orders.map(({ customer }) => columnsOf(customer))
  return [
    orders.map(() => newId()),
    orders.map(({ orderId }) => orderId),
    orders.map(({ version }) => version),
    orders.map(({ userId }) => userId),
    customers.map(({ customerName }) => customerName),
    customers.map(({ customerEmail }) => customerEmail),
    customers.map(({ locale }) => locale),
    orders.map(({ items }) => JSON.stringify(items)),
    orders.map(({ totalCents }) => totalCents),
    orders.map(({ currency }) => currency),
  ]
}
