import { firstIdAt, type Query, type Route } from '@feira/chassis'
import { z } from 'zod'
import { fromCents } from '../domain/money.ts'
import { orderStatuses, type OrderStatus } from '../domain/order.ts'

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

/** `GET /orders/stats`, at most a second old: however many ask, the orders are counted once a second. */
export const getOrderStats: Route = (app, { query }) => {
  const schema = { summary: 'Count orders and revenue', tags: ['orders'], response: { 200: statsView } }
  let last: { readonly at: number; readonly stats: Promise<Stats> } | undefined

  app.get('/orders/stats', { config: { access: ['admin'] }, schema }, async () => {
    if (!last || performance.now() - last.at > 1_000) {
      const stats = readStats(query)
      last = { at: performance.now(), stats }
      stats.catch(() => (last = undefined))
    }
    return last.stats
  })
}

const earning = `status in ('paid', 'shipped', 'completed')`

async function readStats(query: Query): Promise<Stats> {
  const [{ rows }, lastDays, lastMinutes] = await Promise.all([
    query<{ status: OrderStatus; orders: number; revenue: string }>({
      name: 'stats-by-status',
      text: `select status, count(*)::int as orders, coalesce(sum(total_cents) filter (where ${earning}), 0) as revenue
             from orders group by status`,
    }),
    readPeriods(query, 'day', 30 * 86_400_000),
    readPeriods(query, 'minute', 3_600_000),
  ])
  const revenueCents = rows.reduce((sum, { revenue }) => sum + Number(revenue), 0)
  const counts = Object.fromEntries(rows.map(({ status, orders }) => [status, orders]))
  return {
    orders: rows.reduce((sum, { orders }) => sum + orders, 0),
    byStatus: Object.fromEntries(orderStatuses.map(status => [status, counts[status] ?? 0])) as Stats['byStatus'],
    revenue: fromCents(revenueCents),
    revenueCents,
    lastDays,
    lastMinutes,
  }
}

// An id tells when its order was placed, so only the orders of the period are read.
async function readPeriods(query: Query, unit: 'day' | 'minute', length: number): Promise<Stats['lastDays']> {
  const { rows } = await query<{ at: Date; orders: number; revenue: string }>({
    name: `stats-by-${unit}`,
    text: `select date_trunc('${unit}', created_at, 'UTC') as at, count(*)::int as orders,
             coalesce(sum(total_cents) filter (where ${earning}), 0) as revenue
           from orders where id >= $1 group by 1 order by 1`,
    values: [firstIdAt(new Date(Date.now() - length))],
  })
  return rows.map(({ at, orders, revenue }) => ({ at, orders, revenueCents: Number(revenue) }))
}
