import type { Route } from '@feira/chassis'
import { z } from 'zod'

const refill = z.object({
  requestId: z.uuid(),
  requestedAt: z.date(),
  completedAt: z.date().nullable(),
  kinds: z.array(z.object({ kind: z.string(), expected: z.int().nullable(), received: z.int() })),
})

const replicasView = z
  .object({
    users: z.int().describe('how many users are known, deleted ones apart'),
    products: z.int().describe('how many products are known, deleted ones apart'),
    lastRefill: refill.nullable(),
  })
  .meta({ id: 'Replicas' })

/** `GET /orders/replicas`: how much is known of users and products, and how far the last refill came. */
export const getReplicas: Route = (app, { query }) => {
  const schema = { summary: 'Read how full the replicas are', tags: ['operations'], response: { 200: replicasView } }

  app.get('/orders/replicas', { config: { access: ['admin'] }, schema }, async () => {
    const { rows } = await query<{ users: number; products: number }>({
      text: `select (select count(*)::int from customers where deleted_at is null) as users,
               (select count(*)::int from price_list where deleted_at is null) as products`,
    })
    const refills = await query<z.infer<typeof refill>>({
      text: `select request_id as "requestId", requested_at as "requestedAt", completed_at as "completedAt",
               array(select jsonb_build_object('kind', kind, 'expected', expected, 'received', received)
                     from refill_kinds k where k.request_id = refills.request_id order by kind) as kinds
             from refills order by requested_at desc limit 1`,
    })
    return { users: 0, products: 0, ...rows[0], lastRefill: refills.rows[0] ?? null }
  })
}
