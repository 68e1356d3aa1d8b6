import { firstIdAt, type Query, type Route } from '@feira/chassis'
import { z } from 'zod'
import { fromCents } from '../domain/money.ts'
import { orderStatuses, type OrderStatus } from '../domain/order.ts'
import { tallies } from '../tallies.ts'

const period = z.object({ at: z.date().describe('when it began'), orders: z.int(), revenueCents: z.int() })

const statsView = z
  .object({
    orders: z.int(),
    byStatus: z.record(z.enum(orderStatuses), z.int()),
    revenue: z.number().describe('of what was paid and not refunded, in the main unit of the currency'),
    revenueCents: z.int().describe('the same, exact'),
    lastDays: z.array(period).describe('by when they were placed (UTC), the last 30 days with orders'),
    lastMinutes: z.array(period).describe('the last 60 minutes with orders'),
  })
  .meta({ id: 'OrderStats' })

type Stats = z.infer<typeof statsView>

/** `GET /orders/stats` */
export const getOrderStats: Route = (app, { query }) => {
  const schema = { summary: 'Count orders and revenue', tags: ['orders'], response: { 200: statsView } }

  app.get('/orders/stats', { config: { access: ['admin'] }, schema }, async () => {
    const [byStatus, lastDays, lastMinutes] = await Promise.all([
      readByStatus(query),
      readPeriods(query, byDay, new Date(Date.now() - 30 * 86_400_000)),
      readPeriods(query, byMinute, firstIdAt(new Date(Date.now() - 3_600_000))),
    ])
    return { ...byStatus, lastDays, lastMinutes }
  })
}

const isEarning = `status in ('paid', 'shipped', 'completed')`
const sums = (cents: string) => `coalesce(sum(${cents}) filter (where ${isEarning}), 0) as revenue`

// From the tallies, which are a few rows for each day. An order that none of them counts was written by release 0.1.
const tallied = `
  ${tallies}
  union all select (created_at at time zone 'UTC')::date, status, 1, total_cents from orders where not tallied`

async function readByStatus(query: Query): Promise<Omit<Stats, 'lastDays' | 'lastMinutes'>> {
  const { rows } = await query<{ status: OrderStatus; orders: number; revenue: string }>({
    name: 'stats-by-status',
    text: `select status, sum(orders)::int as orders, ${sums('total_cents')} from (${tallied}) as t group by status`,
  })
  const revenueCents = rows.reduce((sum, { revenue }) => sum + Number(revenue), 0)
  const counts = Object.fromEntries(rows.map(({ status, orders }) => [status, orders]))
  return {
    orders: rows.reduce((sum, { orders }) => sum + orders, 0),
    byStatus: Object.fromEntries(orderStatuses.map(status => [status, counts[status] ?? 0])) as Stats['byStatus'],
    revenue: fromCents(revenueCents),
    revenueCents,
  }
}

const byDay = {
  name: 'stats-by-day',
  text: `select day::timestamp at time zone 'UTC' as at, sum(orders)::int as orders, ${sums('total_cents')}
         from (${tallied}) as t where day >= ($1::timestamptz at time zone 'UTC')::date
         group by day having sum(orders) > 0 order by day`,
}

// An id tells when its order was placed, so only the orders of the last hour are read.
const byMinute = {
  name: 'stats-by-minute',
  text: `select date_trunc('minute', created_at, 'UTC') as at, count(*)::int as orders, ${sums('total_cents')}
         from orders where id >= $1 group by 1 order by 1`,
}

async function readPeriods(query: Query, statement: typeof byDay, since: Date | string): Promise<Stats['lastDays']> {
  const { rows } = await query<{ at: Date; orders: number; revenue: string }>({ ...statement, values: [since] })
  return rows.map(({ at, orders, revenue }) => ({ at, orders, revenueCents: Number(revenue) }))
}
