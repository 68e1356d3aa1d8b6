import { callerOf, momentOf, newId, type Query } from '@feira/chassis'
import { quickOrder, type Customer } from '../domain/order.ts'
import type { WaitForArrival } from '../replicas/arrivals.ts'
import { createCustomerLookup, findCustomer } from '../replicas/customer-lookup.ts'
import { customerOf, ownerOf, vouchedFor } from './customer.ts'
import type { MakeOrder, PlacingRequest } from './write-orders.ts'

/**
 * Orders of an amount, the hottest write: who their caller is, is mostly known without asking. Whoever is erased meanwhile
 * is erased from them, too, by the sweeps of the erasure.
 */
export function createMakeQuickOrder(query: Query, waitForArrival: WaitForArrival): MakeOrder {
  const lookUp = createCustomerLookup(query)

  async function customerFor(request: PlacingRequest): Promise<Customer> {
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
    return quickOrder({ id, customer, totalCents, at: momentOf(id) })
  }
}
