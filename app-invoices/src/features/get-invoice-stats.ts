import type { Route } from '@feira/chassis'
import { z } from 'zod'
import type { Config } from '../config.ts'

const tally = z
  .object({ count: z.int(), amount: z.number(), totalCents: z.int() })
  .meta({ id: 'InvoiceTally', description: 'how many, and what they come to' })

const byStatus = { currency: z.string().describe('ISO 4217'), issued: tally, paid: tally, void: tally }

const stats = z
  .object({
    byStatus: z.array(z.object(byStatus)).describe('one for each currency'),
    byMonth: z
      .array(z.object({ month: z.string().describe('of issue, e.g. 2026-11'), ...byStatus }))
      .describe('newest first; by the time zone of the invoices'),
  })
  .meta({ id: 'InvoiceStats' })

type Tallies = z.infer<typeof stats>['byMonth'][number]

/** `GET /invoices/stats` */
export const getInvoiceStats: Route<Config> = (app, { query, config }) => {
  const schema = { summary: 'Count and sum invoices', tags: ['invoices'], response: { 200: stats } }

  app.get('/invoices/stats', { config: { access: ['admin'] }, schema }, async () => {
    const { rows } = await query<Row>({ name: 'invoice-stats', text: statement, values: [config.INVOICE_TIMEZONE] })
    return {
      byStatus: rows.filter(({ month }) => month === null).map(talliesOf),
      byMonth: rows.filter(({ month }) => month !== null).map(row => ({ ...talliesOf(row), month: row.month ?? '' })),
    }
  })
}

type Row = Record<`${'all' | 'paid' | 'void'}_${'count' | 'cents'}`, string> & {
  /** Null for all months together. */
  readonly month: string | null
  readonly currency: string
}

// From the totals, which are a few rows for each month. An invoice that no total counts yet was issued by release 0.1.
const statement = `
  with counted as (
    select month, currency, measure, count, total_cents from invoice_totals
    union all
    select to_char(issued_at at time zone $1, 'YYYY-MM'), currency, measure, 1, total_cents
    from invoices join (values ('all'), ('paid'), ('void')) as m (measure) on measure in ('all', status)
    where month is null)
  select month, currency,
    ${['all', 'paid', 'void'].map(measure => sumsOf(measure)).join(', ')}
  from counted group by grouping sets ((month, currency), (currency)) order by month desc, currency`

function sumsOf(measure: string): string {
  const where = `filter (where measure = '${measure}')`
  return `coalesce(sum(count) ${where}, 0) as ${measure}_count, coalesce(sum(total_cents) ${where}, 0) as ${measure}_cents`
}

function talliesOf(row: Row): Omit<Tallies, 'month'> {
  const [paid, voided] = [tallyOf(row.paid_count, row.paid_cents), tallyOf(row.void_count, row.void_cents)]
  const open = tallyOf(
    Number(row.all_count) - paid.count - voided.count,
    Number(row.all_cents) - paid.totalCents - voided.totalCents,
  )
  return { currency: row.currency, issued: open, paid, void: voided }
}

function tallyOf(count: string | number, cents: string | number): z.infer<typeof tally> {
  return { count: Number(count), amount: Number(cents) / 100, totalCents: Number(cents) }
}
