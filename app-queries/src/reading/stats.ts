import { firstIdAt, type Query } from '@feira/chassis'
import { z } from 'zod'
import { money } from './order-view.ts'

const takings = {
  currency: z.string().describe('ISO 4217'),
  orders: z.int(),
  amount: money,
  totalCents: z.int().describe('the same, exact'),
}

export const statsView = z
  .object({
    ordersPerMinute: z.object({
      current: z.int().describe('placed in the last 60 seconds'),
      series: z
        .array(z.object({ at: z.iso.datetime().describe('when the minute began'), orders: z.int() }))
        .describe('the last 60 minutes, oldest first; the last one is not over'),
    }),
    revenue: z
      .object({
        last24Hours: z.array(z.object(takings)).describe('one for each currency'),
        byDay: z
          .array(z.object({ day: z.iso.date(), ...takings }))
          .describe('by when the orders were placed (UTC), today and the six days before, newest first'),
      })
      .describe('of orders that are paid, shipped or completed'),
    invoiceLag: z
      .object({ invoices: z.int(), p50Ms: z.int().nullable(), p95Ms: z.int().nullable() })
      .describe('from placing an order to its invoice, of those issued in the last hour; null where there are none'),
  })
  .meta({ id: 'Stats' })

export type Stats = z.infer<typeof statsView>
type Takings = Stats['revenue']['last24Hours'][number]

const [second, minute, day] = [1_000, 60_000, 86_400_000]

/** What is counted again every few seconds: it reads what a day has brought. */
export async function readRecent(query: Query) {
  const now = Date.now()
  const [ordersPerMinute, last24Hours, invoiceLag] = await Promise.all([
    readMinutes(query, now),
    readTakings(query, now - day),
    readInvoiceLag(query, now),
  ])
  return { ordersPerMinute, last24Hours: last24Hours.map(toTakings), invoiceLag }
}

/** What is dear enough to be counted more rarely: it reads what a week has brought. */
export async function readDays(query: Query): Promise<Stats['revenue']['byDay']> {
  const today = Math.floor(Date.now() / day) * day
  const rows = await query<TakingsRow & { day: string }>({
    name: 'stats-days',
    text: takingsBy(`to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')`),
    values: [firstIdAt(new Date(today - 6 * day))],
  })
  return rows.rows.map(row => ({ day: row.day, ...toTakings(row) }))
}

async function readMinutes(query: Query, now: number): Promise<Stats['ordersPerMinute']> {
  const first = (Math.floor(now / minute) - 59) * minute
  const { rows } = await query<{ minute: number; orders: number; current: number }>({
    name: 'stats-minutes',
    text: minutesText,
    values: [firstIdAt(new Date(first)), firstIdAt(new Date(now - 60 * second))],
  })
  const counts = new Map(rows.map(row => [row.minute * minute, row.orders]))
  const starts = Array.from({ length: 60 }, (_, index) => first + index * minute)
  return {
    current: rows.reduce((sum, { current }) => sum + current, 0),
    series: starts.map(at => ({ at: new Date(at).toISOString(), orders: counts.get(at) ?? 0 })),
  }
}

// An id tells when its order was placed, so only the orders of the period are read.
const minutesText = `
  select floor(extract(epoch from created_at) / 60)::int as minute, count(*)::int as orders,
    (count(*) filter (where id >= $2))::int as current
  from model.orders where id >= $1 group by 1`

interface TakingsRow {
  readonly currency: string
  readonly orders: number
  readonly cents: string
}

async function readTakings(query: Query, since: number): Promise<TakingsRow[]> {
  const statement = { name: 'stats-takings', text: takingsBy('null'), values: [firstIdAt(new Date(since))] }
  return (await query<TakingsRow & Record<string, unknown>>(statement)).rows
}

const takingsBy = (period: string) => `
  select ${period} as day, currency, count(*)::int as orders, sum(total_cents) as cents
  from model.orders where id >= $1 and status in ('paid', 'shipped', 'completed')
  group by 1, currency order by 1 desc, currency`

function toTakings({ currency, orders, cents }: TakingsRow): Takings {
  return { currency, orders, amount: Number(cents) / 100, totalCents: Number(cents) }
}

async function readInvoiceLag(query: Query, now: number): Promise<Stats['invoiceLag']> {
  const { rows } = await query<{ invoices: number; lags: [number, number] | null }>({
    name: 'stats-invoice-lag',
    text: lagText,
    values: [new Date(now - 60 * minute)],
  })
  const [p50, p95] = rows[0]?.lags ?? []
  const inMs = (lag?: number) => (lag === undefined ? null : Math.round(lag))
  return { invoices: rows[0]?.invoices ?? 0, p50Ms: inMs(p50), p95Ms: inMs(p95) }
}

const lagText = `
  select count(*)::int as invoices,
    percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from issued_at - created_at) * 1000) as lags
  from model.invoices join model.orders on orders.id = invoices.order_id where issued_at >= $1`
