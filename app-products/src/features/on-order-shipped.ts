import { consumeBatch } from '@feira/chassis'
import { orderShipped } from '@feira/contracts/orders'
import { byOrder, lockReservations, storeState } from '../reservation-writing.ts'
import { lockStock, writeStock } from '../stock-writing.ts'

/**
 * `order.shipped` → `stock.changed`: what was set aside for the order is sold. An order ships only after `stock.reserved`;
 * should its shipping be all that is heard of it, that is remembered, and a later `stock.reserve` sets nothing aside.
 */
export const onOrderShipped = consumeBatch('on-order-shipped', orderShipped, async (messages, tx, { log }) => {
  const at = new Date()
  const causes = byOrder(messages.filter(({ data }) => data.items.length > 0))
  if (causes.size === 0) return
  const known = await lockReservations(tx, [...causes.keys()], 'sold', at)
  const held = [...known].filter(([, { state }]) => state === 'reserved')
  const book = await lockStock(
    tx,
    held.flatMap(([, { items }]) => items.map(({ productId }) => productId)),
  )
  for (const [orderId, { items }] of held) book.sell(orderId, items)
  await writeStock(tx, book, at, causes)
  await storeState(
    tx,
    held.map(([orderId]) => orderId),
    'sold',
    at,
  )
  for (const [orderId, { state, items }] of known)
    if (state === 'sold' && items.length === 0) log.warn({ orderId }, 'shipped without a reservation')
})
