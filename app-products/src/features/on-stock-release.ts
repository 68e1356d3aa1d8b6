import { consumeBatch } from '@feira/chassis'
import { stockRelease } from '@feira/contracts/products'
import { releaseKind } from '../domain/reservation.ts'
import { byOrder, lockReservations, storeState } from '../reservation-writing.ts'
import { lockStock, writeStock } from '../stock-writing.ts'

/**
 * `stock.release` → `stock.changed`, once per order: what is set aside can be ordered again, what was sold comes back. One
 * that overtakes its `stock.reserve` is remembered and wins.
 */
export const onStockRelease = consumeBatch('on-stock-release', stockRelease, async (messages, tx) => {
  const at = new Date()
  const causes = byOrder(messages)
  const known = await lockReservations(tx, [...causes.keys()], 'released', at)
  const held = [...known].flatMap(([orderId, { state, items }]) => {
    const kind = releaseKind(state)
    return kind ? [{ orderId, kind, items }] : []
  })
  const book = await lockStock(
    tx,
    held.flatMap(({ items }) => items.map(({ productId }) => productId)),
  )
  for (const { orderId, kind, items } of held) {
    if (kind === 'release') book.release(orderId, items)
    else book.takeBack(orderId, items)
  }
  await writeStock(tx, book, at, causes)
  await storeState(
    tx,
    held.map(({ orderId }) => orderId),
    'released',
    at,
  )
})
