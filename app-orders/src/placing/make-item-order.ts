import { callerOf, momentOf, newId, Rejection, type Query } from '@feira/chassis'
import { itemOrder, type Contents } from '../domain/order.ts'
import { mergeLines, priceLines, type MergedLine, type Price, type Priced } from '../domain/order-line.ts'
import type { WaitForArrival } from '../replicas/arrivals.ts'
import { findCustomer, type KnownCustomer } from '../replicas/customer-lookup.ts'
import { findPrices } from '../replicas/price-lookup.ts'
import { customerOf, ownerOf } from './customer.ts'
import type { MakeOrder } from './write-orders.ts'

/**
 * Orders of products, at the catalogue's prices. Whoever is erased between the look at the replicas and the commit is
 * erased from them, too, by the sweeps of the erasure.
 */
export function createMakeItemOrder(query: Query, waitForArrival: WaitForArrival): MakeOrder {
  async function look(userId: string, productIds: readonly string[]): Promise<Known> {
    const [customer, prices] = await Promise.all([findCustomer(query, userId), findPrices(query, productIds)])
    return { customer, prices }
  }

  return async request => {
    const { lines = [], shippingAddress = null } = request.body
    const caller = callerOf(request)
    const userId = ownerOf(request.body, caller)
    const merged = mergeLines(lines)
    const productIds = merged.map(({ productId }) => productId)
    let known = await look(userId, productIds)
    if (!known.customer || known.prices.size < productIds.length) {
      await waitForArrival({ userId, productIds })
      known = await look(userId, productIds)
    }
    const customer = customerOf(userId, known.customer, caller, request.body)
    const contents = { ...price(merged, known.prices), shippingAddress }
    const id = newId()
    return itemOrder({ id, customer, contents, at: momentOf(id) })
  }
}

/** What the replicas say of those whom an order concerns. */
interface Known {
  readonly customer: KnownCustomer | undefined
  readonly prices: ReadonlyMap<string, Price>
}

function price(lines: readonly MergedLine[], prices: ReadonlyMap<string, Price>): Omit<Contents, 'shippingAddress'> {
  const priced = priceLines(lines, prices)
  if (priced.refusal) throw rejectionOf(priced)
  return priced.contents
}

const refusals = {
  'product-unknown': [422, 'Some of the products do not exist.', 'productId'],
  'price-changed': [409, 'Some prices are not the expected ones.', 'price'],
  'order-too-large': [422, 'The order costs more than one order may.', ''],
  'mixed-currencies': [422, 'The products are sold in different currencies.', ''],
} as const

function rejectionOf({ refusal, problems }: Priced & { refusal: string }): Rejection {
  const [status, title, field] = refusals[refusal]
  const fields = problems.map(
    ({ line, message }) => ({ in: 'body', field: `items.${line}.${field}`, message }) as const,
  )
  const details = fields.map(({ field, message }) => ` ${field} ${message}.`)
  return new Rejection(refusal, status, title + details.join(''), { fields })
}
