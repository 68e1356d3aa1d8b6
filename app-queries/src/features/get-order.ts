import { callerOf, mayAccess, rejections, versioned, type Route } from '@feira/chassis'
import { z } from 'zod'
import { createOrderReader } from '../reading/cached-orders.ts'
import { createWaitForVersion } from '../reading/waiting.ts'
import { wholeOrder } from '../reading/whole-order.ts'

const params = z.object({ id: z.uuid().toLowerCase() })

const querystring = z.strictObject({
  minVersion: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1')
    .transform(Number)
    .optional()
    .describe('waits, at most 2 s, until the order is known with this version'),
})

/** `GET /q/orders/:id`, from the cache; what belongs to somebody else is not there. */
export const getOrder: Route = (app, { db, query, cache }) => {
  const orders = createOrderReader({ db, query, cache })
  const waitForVersion = createWaitForVersion(query)
  const schema = {
    summary: 'Read an order with all that belongs to it',
    description:
      'With `If-None-Match` 304 as long as no part of it has changed. 409 `version-not-reached`, with `Retry-After`, if ' +
      '`minVersion` has not come after 2 s.',
    tags: ['orders'],
    params,
    querystring,
    response: { 200: wholeOrder, 304: z.void() },
  }

  app.get(
    '/q/orders/:id',
    { config: { access: ['user', 'admin'], conditional: true }, schema },
    async (request, reply) => {
      const { id } = request.params
      const { minVersion } = request.query
      const caller = callerOf(request)
      if (minVersion !== undefined) await waitForVersion(caller, id, minVersion)
      const facts = await orders.facts(id)
      if (!facts || !mayAccess(caller, facts.userId)) throw rejections.notFound('order', id)
      const { order, tag } = await orders.read(reply, id, facts, minVersion)
      return versioned(request, reply, tag, order)
    },
  )
}
