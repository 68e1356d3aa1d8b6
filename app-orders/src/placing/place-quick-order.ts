import { callerOf, momentOf, newId, type Answer, type Resources } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import type { Config } from '../config.ts'
import { quickOrder, type Customer, type Order } from '../domain/order.ts'
import { toOrderCreated } from '../order-events.ts'
import type { OrderView } from '../order-view.ts'
import { createWaitForArrival } from '../replicas/arrivals.ts'
import { createCustomerLookup, findCustomer } from '../replicas/customer-lookup.ts'
import { customerOf, ownerOf, vouchedFor } from './customer.ts'
import type { NewOrder } from './new-order.ts'
import { placed } from './placed.ts'

type Request = Parameters<typeof callerOf>[0] & { readonly body: NewOrder }
type PlaceOrder = (request: Request) => Promise<Answer<OrderView>>

/**
 * Orders of an amount, the hottest write: those in flight together are written together, and who their caller is, is
 * mostly known without asking. Whoever is erased meanwhile is erased from them, too, by the sweeps of the erasure.
 */
export function createPlaceQuickOrder({ groupCommit, query, config }: Resources<Config>): PlaceOrder {
  const write = groupCommit({ name: 'place-order', columns, statements })
  const lookUp = createCustomerLookup(query)
  const waitForArrival = createWaitForArrival(query)

  async function customerFor(request: Request): Promise<Customer> {
    const caller = callerOf(request)
    const userId = ownerOf(request.body, caller)
    let known = await lookUp(userId)
    if (!known && userId === caller.id) known = vouchedFor(caller)
    if (!known) {
      await waitForArrival({ userId })
      known = await findCustomer(query, userId)
    }
    return customerOf(userId, known, caller, request.body)
  }

  return async request => {
    const customer = await customerFor(request)
    const totalCents = request.body.totalCents as number
    const id = newId()
    const order = quickOrder({ id, customer, totalCents, at: momentOf(id) })
    return write(request, {
      row: rowOf(order),
      message: orderCreated,
      payload: toOrderCreated(order),
      answer: placed(order, config),
    })
  }
}

const columns = {
  id: 'uuid',
  user_id: 'uuid',
  user_name: 'text',
  user_email: 'text',
  user_locale: 'text',
  status: 'text',
  total_cents: 'bigint',
  currency: 'text',
  version: 'int',
  created_at: 'timestamptz',
}

const names = Object.keys(columns).join(', ')

const statements = `
  order_rows as (insert into orders (${names}, updated_at) select ${names}, created_at from accepted),
  history_rows as (
    insert into order_history (order_id, version, status, at) select id, version, status, created_at from accepted)`

function rowOf(order: Order): Record<keyof typeof columns, unknown> {
  const { id, status, currency, version } = order
  return {
    id,
    user_id: order.userId,
    user_name: order.userName,
    user_email: order.userEmail,
    user_locale: order.userLocale,
    status,
    total_cents: order.totalCents,
    currency,
    version,
    created_at: order.createdAt,
  }
}
