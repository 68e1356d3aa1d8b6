import { callerOf, momentOf, newId, Rejection, type Answer, type Resources, type Transaction } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { stockReserve } from '@feira/contracts/products'
import type { Config } from '../config.ts'
import { itemOrder, type Contents, type Order } from '../domain/order.ts'
import { mergeLines, priceLines, type OrderLine, type Price, type Priced } from '../domain/order-line.ts'
import { toOrderCreated } from '../order-events.ts'
import { toRow } from '../order-row.ts'
import type { OrderView } from '../order-view.ts'
import { createWaitForArrival } from '../replicas/arrivals.ts'
import { holdCustomer } from '../replicas/customer-lookup.ts'
import { orderHistory, orders } from '../schema.ts'
import { customerOf, ownerOf } from './customer.ts'
import type { NewOrder } from './new-order.ts'
import { placed } from './placed.ts'

type Request = Parameters<typeof callerOf>[0] & { readonly body: NewOrder }
type PlaceOrder = (request: Request) => Promise<Answer<OrderView>>

/** Orders of products, at the catalogue's prices; their stock is asked for in the same transaction. */
export function createPlaceItemOrder({ transactOnce, query, config }: Resources<Config>): PlaceOrder {
  const waitForArrival = createWaitForArrival(query)

  return async request => {
    const { lines = [] } = request.body
    const userId = ownerOf(request.body, callerOf(request))
    // Outside the transaction, which would hold a connection meanwhile; it looks again.
    await waitForArrival({ userId, productIds: lines.map(({ productId }) => productId) })
    return transactOnce(request, async tx => placed(await place(tx, request, userId), config))
  }
}

async function place(tx: Transaction, request: Request, userId: string): Promise<Order> {
  const { lines = [], shippingAddress = null } = request.body
  const customer = customerOf(userId, await holdCustomer(tx.query, userId), callerOf(request), request.body)
  const contents = await price(tx, lines)
  const id = newId()
  const order = itemOrder({ id, customer, contents: { ...contents, shippingAddress }, at: momentOf(id) })
  const { version, status, createdAt } = order
  await tx.db.insert(orders).values(toRow(order))
  await tx.db.insert(orderHistory).values({ orderId: id, version, status, at: createdAt })
  tx.publish(orderCreated, toOrderCreated(order))
  const items = order.items.map(({ productId, quantity }) => ({ productId, quantity }))
  tx.publish(stockReserve, { orderId: id, items })
  return order
}

async function price({ query }: Transaction, lines: readonly OrderLine[]): Promise<Omit<Contents, 'shippingAddress'>> {
  const merged = mergeLines(lines)
  const { rows } = await query<Record<string, unknown> & { id: string; name: string; price: string; currency: string }>(
    {
      name: 'price-lines',
      text: `select product_id as id, name, price_cents as price, currency from price_list
           where product_id = any($1::uuid[]) and deleted_at is null`,
      values: [merged.map(({ productId }) => productId)],
    },
  )
  const prices = rows.map(({ id, name, price, currency }): [string, Price] => {
    return [id, { name, priceCents: Number(price), currency }]
  })
  const priced = priceLines(merged, new Map(prices))
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
