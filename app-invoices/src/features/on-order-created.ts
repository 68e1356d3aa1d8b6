import { consumeBatch, newId, type Received, type Resources } from '@feira/chassis'
import { invoiceIssued } from '@feira/contracts/invoices'
import { orderCreated } from '@feira/contracts/orders'
import type { Config } from '../config.ts'
import { yearIn } from '../domain/numbering.ts'

type OrderCreated = Received<typeof orderCreated>

interface Issued {
  readonly id: string
  readonly order_id: string
  readonly number: string
}

/** `order.created` → one invoice → `invoice.issued`. */
export const onOrderCreated = consumeBatch(
  'on-order-created',
  orderCreated,
  async (messages, tx, { config }: Resources<Config>) => {
    const issuedAt = new Date()
    const year = yearIn(config.INVOICE_TIMEZONE, issuedAt)
    const { rows } = await tx.query<Issued>({
      name: 'issue-invoices',
      text: issue,
      values: valuesOf(messages, year, issuedAt),
    })
    const byOrder = new Map(messages.map(message => [message.data.orderId, message]))
    for (const row of rows) {
      const cause = byOrder.get(row.order_id) as OrderCreated
      const { userId, totalCents, currency } = cause.data
      tx.publish(
        invoiceIssued,
        {
          invoiceId: row.id,
          version: 1,
          number: row.number,
          orderId: row.order_id,
          userId,
          totalCents,
          currency,
          issuedAt: issuedAt.toISOString(),
        },
        { cause, subjectId: userId },
      )
    }
  },
)

// The counter is advanced by as many invoices as are new, in the transaction that stores them: a rollback gives the
// numbers back, and whoever comes next waits for the row, so there is neither a gap nor a number given twice.
const issue = `
  with fresh as (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[]) with ordinality
      as t (id, order_id, user_id, total_cents, currency, place)
    where not exists (select 1 from invoices known where known.order_id = t.order_id)),
  counter as (
    insert into invoice_counters (year, last) select $6, count(*) from fresh having count(*) > 0
    on conflict (year) do update set last = invoice_counters.last + excluded.last returning last),
  numbered as (
    select fresh.*, (last - count(*) over () + row_number() over (order by place))::text as sequence from fresh, counter)
  insert into invoices (id, order_id, number, user_id, status, total_cents, currency, version, issued_at, updated_at)
  select id, order_id, $6 || '-' || lpad(sequence, greatest(6, length(sequence)), '0'), user_id, 'issued', total_cents,
    currency, 1, $7, $7
  from numbered returning id, order_id, number`

function valuesOf(messages: readonly OrderCreated[], year: number, issuedAt: Date): unknown[] {
  const orders = messages.map(({ data }) => data)
  return [
    orders.map(() => newId()),
    orders.map(({ orderId }) => orderId),
    orders.map(({ userId }) => userId),
    orders.map(({ totalCents }) => totalCents),
    orders.map(({ currency }) => currency),
    year,
    issuedAt,
  ]
}
