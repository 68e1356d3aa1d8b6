import { consumeBatch, type Received, type Transaction } from '@feira/chassis'
import { productUnavailable, stockReserve, stockReserved } from '@feira/contracts/products'
import { mergeItems, type Item } from '../domain/reservation.ts'
import { byOrder, storeState } from '../reservation-writing.ts'
import { lockStock, writeStock } from '../stock-writing.ts'

interface Wish {
  readonly orderId: string
  readonly items: readonly Item[]
  readonly cause: Received<typeof stockReserve>
}

/**
 * `stock.reserve` → `stock.reserved` or `product.unavailable`, once per order; `stock.changed`. An order that was reserved,
 * refused, released or shipped before gets no other answer. Of orders that want the same pieces the earlier one wins.
 */
export const onStockReserve = consumeBatch('on-stock-reserve', stockReserve, async (messages, tx) => {
  const at = new Date()
  const wishes = await claim(tx, messages, at)
  if (wishes.length === 0) return
  const book = await lockStock(
    tx,
    wishes.flatMap(({ items }) => items.map(({ productId }) => productId)),
  )
  const refused: string[] = []
  for (const { orderId, items, cause } of wishes) {
    const lacking = book.reserve(orderId, items)
    if (lacking.length > 0) {
      refused.push(orderId)
      tx.publish(productUnavailable, { orderId, items: lacking }, { cause })
    } else tx.publish(stockReserved, { orderId, items: [...items], reservedAt: at.toISOString() }, { cause })
  }
  await writeStock(tx, book, at, new Map(wishes.map(({ orderId, cause }) => [orderId, cause])))
  await storeState(tx, refused, 'refused', at)
})

/** What is asked for orders that nothing was heard of before. Until it is known that they lack something they count as reserved. */
async function claim(tx: Transaction, messages: readonly Received<typeof stockReserve>[], at: Date): Promise<Wish[]> {
  const wishes = [...byOrder(messages)].map(([orderId, cause]) => {
    return { orderId, cause, items: mergeItems(cause.data.items) }
  })
  const { rows } = await tx.query<{ order_id: string }>({
    name: 'claim-reservations',
    text: `insert into reservations (order_id, state, items, created_at, updated_at)
           select id, 'reserved', items, $3, $3 from unnest($1::uuid[], $2::jsonb[]) as t (id, items) order by id
           on conflict do nothing returning order_id`,
    values: [wishes.map(({ orderId }) => orderId), wishes.map(({ items }) => JSON.stringify(items)), at],
  })
  const fresh = new Set(rows.map(({ order_id }) => order_id))
  return wishes.filter(({ orderId }) => fresh.has(orderId))
}
