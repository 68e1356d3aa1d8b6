import type {
  Answer,
  callerOf,
  Cause,
  GroupCommitDefinition,
  PublishOptions,
  Resources,
  Transaction,
} from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { stockReserve } from '@feira/contracts/products'
import type { Config } from '../config.ts'
import type { Order } from '../domain/order.ts'
import { metersOf, type Meters } from '../meters.ts'
import { toOrderCreated } from '../order-events.ts'
import type { OrderView } from '../order-view.ts'
import { tallyNew } from '../tallies.ts'
import type { NewOrder } from './new-order.ts'
import { placed } from './placed.ts'

export type PlacingRequest = Parameters<typeof callerOf>[0] & { readonly body: NewOrder }

/** Makes the order that a request asks for. @throws Rejection */
export type MakeOrder = (request: PlacingRequest) => Promise<Order>

/** Writes new orders: those in flight together share one statement and one commit. */
export function createWriteOrder(resources: Resources<Config>) {
  const { groupCommit, config } = resources
  const meters = metersOf(resources)
  const write = groupCommit(definition)
  return (request: PlacingRequest, make: MakeOrder): Promise<Answer<OrderView>> =>
    write(request, async () => {
      const order = await make(request)
      return {
        row: rowOf(order),
        publish: tx => publishPlaced(tx, order),
        answer: placed(order, config),
        afterCommit: () => meters.placed(order.items.length > 0 ? 'items' : 'amount'),
      }
    })
}

/** A new order, and the message that asked for it. */
export interface Placement {
  readonly order: Order
  readonly cause: Cause
}

/** Writes the new orders that partners ask for, as those of requests are written, in the transaction that handles them. */
export async function writeOrders(tx: Transaction, placements: readonly Placement[], meters: Meters): Promise<void> {
  if (placements.length === 0) return
  const rows = placements.map(({ order }) => rowOf(order))
  await tx.query({ ...insertion, values: columnNames.map(column => rows.map(row => row[column])) })
  for (const { order, cause } of placements) publishPlaced(tx, order, { cause })
  tx.afterCommit(() => meters.placed('partner', placements.length))
}

function publishPlaced(tx: Pick<Transaction, 'publish'>, order: Order, options: PublishOptions = {}): void {
  tx.publish(orderCreated, toOrderCreated(order), options)
  if (order.items.length === 0) return
  const items = order.items.map(({ productId, quantity }) => ({ productId, quantity }))
  tx.publish(stockReserve, { orderId: order.id, items }, options)
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
  origin_partner_id: 'uuid',
  origin_event_id: 'uuid',
  version: 'int',
  created_at: 'timestamptz',
}

const columnNames = Object.keys(columns) as (keyof typeof columns)[]
const names = columnNames.join(', ')

const definition: GroupCommitDefinition = {
  name: 'place-order',
  columns,
  statements: `
    order_rows as (insert into orders (${names}, updated_at, tallied) select ${names}, created_at, true from accepted),
    tallies as (${tallyNew('accepted')}),
    history_rows as (
      insert into order_history (order_id, version, status, at) select id, version, status, created_at from accepted)`,
}

const insertion = {
  name: 'place-orders',
  text: `
    with accepted as (
      select * from unnest(${columnNames.map((name, index) => `$${index + 1}::${columns[name]}[]`).join(', ')}) as t (${names})),
    ${definition.statements}
    select from accepted`,
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
    origin_partner_id: order.origin?.partnerId ?? null,
    origin_event_id: order.origin?.eventId ?? null,
    version,
    created_at: order.createdAt,
  }
}
