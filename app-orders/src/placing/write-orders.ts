import type { Answer, callerOf, GroupCommitDefinition, Resources, Transaction } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { stockReserve } from '@feira/contracts/products'
import type { Config } from '../config.ts'
import type { Order } from '../domain/order.ts'
import { toOrderCreated } from '../order-events.ts'
import type { OrderView } from '../order-view.ts'
import { tallyNew } from '../tallies.ts'
import type { NewOrder } from './new-order.ts'
import { placed } from './placed.ts'

export type PlacingRequest = Parameters<typeof callerOf>[0] & { readonly body: NewOrder }

/** Makes the order that a request asks for. @throws Rejection */
export type MakeOrder = (request: PlacingRequest) => Promise<Order>

/** Writes new orders: those in flight together share one statement and one commit. */
export function createWriteOrder({ groupCommit, config }: Resources<Config>) {
  const write = groupCommit(definition)
  return (request: PlacingRequest, make: MakeOrder): Promise<Answer<OrderView>> =>
    write(request, async () => {
      const order = await make(request)
      return { row: rowOf(order), publish: tx => publishPlaced(tx, order), answer: placed(order, config) }
    })
}

function publishPlaced(tx: Pick<Transaction, 'publish'>, order: Order): void {
  tx.publish(orderCreated, toOrderCreated(order))
  if (order.items.length === 0) return
  const items = order.items.map(({ productId, quantity }) => ({ productId, quantity }))
  tx.publish(stockReserve, { orderId: order.id, items })
}

const columns = {
  id: 'uuid',
  user_id: 'uuid',
  user_name: 'text',
  user_email: 'text',
  user_locale: 'text',
  status: 'text',
  items: 'jsonb',
  shipping_address: 'jsonb',
  total_cents: 'bigint',
  currency: 'text',
  version: 'int',
  created_at: 'timestamptz',
}

const names = Object.keys(columns).join(', ')

const definition: GroupCommitDefinition = {
  name: 'place-order',
  columns,
  statements: `
    order_rows as (insert into orders (${names}, updated_at, tallied) select ${names}, created_at, true from accepted),
    tallies as (${tallyNew('accepted')}),
    history_rows as (
      insert into order_history (order_id, version, status, at) select id, version, status, created_at from accepted)`,
}

function rowOf(order: Order): Record<keyof typeof columns, unknown> {
  const { id, status, items, shippingAddress, currency, version } = order
  return {
    id,
    user_id: order.userId,
    user_name: order.userName,
    user_email: order.userEmail,
    user_locale: order.userLocale,
    status,
    items: JSON.stringify(items),
    shipping_address: shippingAddress && JSON.stringify(shippingAddress),
    total_cents: order.totalCents,
    currency,
    version,
    created_at: order.createdAt,
  }
}
