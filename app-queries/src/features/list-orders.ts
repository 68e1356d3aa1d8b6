import {
  callerOf,
  decodeCursor,
  firstIdAt,
  ownerFilter,
  page,
  pageOf,
  pageQuery,
  type Caller,
  type Route,
} from '@feira/chassis'
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import { z } from 'zod'
import { everything } from '../projecting/evict.ts'
import { customerColumns, orderStatus, orderSummary, toSummary } from '../reading/order-view.ts'
import { orders, users } from '../schema.ts'

const userId = z.uuid().toLowerCase().optional()
const anyCase = z.preprocess(text => (typeof text === 'string' ? text.toLowerCase() : text), orderStatus)
const moment = z.iso.datetime({ offset: true }).optional()

const querystring = z
  .strictObject({
    ...pageQuery,
    status: anyCase.optional(),
    user_id: userId.describe('an admin sees the orders of everybody, a user only their own'),
    userId: userId.describe('the same'),
    from: moment.describe('placed at this time or later'),
    to: moment.describe('placed before this time'),
  })
  .refine(({ user_id, userId }) => user_id === undefined || userId === undefined, {
    path: ['user_id'],
    message: 'means the same as userId: give one of them',
  })

const cursorKey = z.tuple([z.uuid()])

/** `GET /q/orders`, newest first, from the cache. */
export const listOrders: Route = (app, { db, cache }) => {
  const schema = { summary: 'List orders', tags: ['orders'], querystring, response: { 200: pageOf(orderSummary) } }

  app.get('/q/orders', { config: { access: ['user', 'admin'] }, schema }, async (request, reply) => {
    const { limit, cursor, status, from, to } = request.query
    const before = decodeCursor(cursor, cursorKey)
    const userId = ordersOf(callerOf(request), request.query)
    // Whose orders they are is part of the key, and was granted above.
    const key = `orders?${JSON.stringify({ userId, status, from, to, limit, before })}`
    return cache.serve(reply, { key, tags: [everything, 'orders', 'users'] }, async () => {
      const rows = await db
        .select({ order: orders, user: customerColumns })
        .from(orders)
        .leftJoin(users, eq(users.id, orders.userId))
        .where(
          and(
            before ? lt(orders.id, before[0]) : undefined,
            status ? eq(orders.status, status) : undefined,
            userId ? eq(orders.userId, userId) : undefined,
            // An id tells when it was made, so times need no index of their own.
            from ? gte(orders.id, firstIdAt(new Date(from))) : undefined,
            to ? lt(orders.id, firstIdAt(new Date(to))) : undefined,
          ),
        )
        .orderBy(desc(orders.id))
        .limit(limit + 1)
      return page(
        rows.map(({ order, user }) => toSummary(order, user)),
        limit,
        ({ id }) => [id],
      )
    })
  })
}

/** @returns whose orders are listed; undefined for everybody's. */
function ordersOf(caller: Caller, { user_id, userId }: Pick<z.output<typeof querystring>, 'user_id' | 'userId'>) {
  const field = user_id === undefined ? 'userId' : 'user_id'
  return ownerFilter(caller, user_id ?? userId, { field, refusal: "Only an admin lists other users' orders." })
}
