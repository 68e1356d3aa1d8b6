import { newId, sendAnswer, type Route } from '@feira/chassis'
import type { Payload } from '@feira/contracts'
import { orderCreated } from '@feira/contracts/orders'
import { z } from 'zod'
import { toCents } from '../domain/money.ts'
import { quickOrder, type Order } from '../domain/order.ts'
import { orderView, toView } from '../order-view.ts'

const amount = z
  .union([z.number(), z.string().max(20)], 'must be a number or a numeric string')
  .transform((value, context) => {
    const cents = toCents(value)
    if (cents !== undefined) return cents
    context.addIssue({ code: 'custom', message: 'must be more than 0, at most 10000000, with at most two decimals' })
    return z.NEVER
  })

const aliases = [
  ['amount', 'total'],
  ['userId', 'user_id'],
  ['userEmail', 'user_email'],
] as const

const newOrder = z
  .strictObject({
    amount: amount.optional().describe('e.g. 29.99'),
    total: amount.optional().describe('another name for amount'),
    userId: z.uuid().optional(),
    user_id: z.uuid().optional(),
    userEmail: z.email().max(254).optional(),
    user_email: z.email().max(254).optional(),
  })
  .refine(body => body.amount !== undefined || body.total !== undefined, { path: ['amount'], error: 'is required' })
  .superRefine((body, context) => {
    for (const [name, other] of aliases) {
      if (body[name] === undefined || body[other] === undefined || body[name] === body[other]) continue
      context.addIssue({ code: 'custom', path: [other], message: `says something else than ${name}` })
    }
  })

/** `POST /orders` → `order.created`. */
export const placeOrder: Route = (app, { groupCommit }) => {
  const write = groupCommit({ name: 'place-order', columns, statements })
  const schema = { summary: 'Place an order', tags: ['orders'], body: newOrder, response: { 201: orderView } }

  app.post('/orders', { config: { access: ['user', 'admin'] }, schema }, async (request, reply) => {
    const { amount, total, userId, user_id, userEmail, user_email } = request.body
    const order = quickOrder({
      id: newId(),
      totalCents: (amount ?? total) as number,
      userId: userId ?? user_id ?? null,
      userEmail: userEmail ?? user_email ?? null,
      at: new Date(),
    })
    const answer = await write(request, {
      row: toRow(order),
      message: orderCreated,
      payload: toOrderCreated(order),
      publish: { subjectId: order.userId },
      answer: {
        status: 201,
        headers: { location: `/orders/${order.id}`, etag: `"${order.version}"` },
        body: toView(order),
      },
    })
    return sendAnswer(reply, answer)
  })
}

const columns = {
  id: 'uuid',
  user_id: 'uuid',
  user_email: 'text',
  status: 'text',
  total_cents: 'bigint',
  currency: 'text',
  version: 'int',
  created_at: 'timestamptz',
}

const statements = `
  order_rows as (
    insert into orders (id, user_id, user_email, status, total_cents, currency, version, created_at, updated_at)
    select id, user_id, user_email, status, total_cents, currency, version, created_at, created_at from accepted),
  history_rows as (
    insert into order_history (order_id, version, status, at) select id, version, status, created_at from accepted)`

function toRow(order: Order): Record<keyof typeof columns, unknown> {
  const { id, status, currency, version } = order
  return {
    id,
    user_id: order.userId,
    user_email: order.userEmail,
    status,
    total_cents: order.totalCents,
    currency,
    version,
    created_at: order.createdAt,
  }
}

function toOrderCreated(order: Order): Payload<typeof orderCreated> {
  return {
    orderId: order.id,
    version: order.version,
    status: 'reserved',
    userId: order.userId,
    customer: order.userEmail === null ? null : { name: null, email: order.userEmail },
    items: [],
    totalCents: order.totalCents,
    currency: order.currency,
    createdAt: order.createdAt.toISOString(),
  }
}
