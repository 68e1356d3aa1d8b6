import { consumeBatch } from '@feira/chassis'
import { stockReserved } from '@feira/contracts/products'
import { receiveSignals } from '../advancing/receive-signals.ts'

/** `stock.reserved` → `order.reserved`, and `order.paid` if the payment came before. */
export const onStockReserved = consumeBatch('on-stock-reserved', stockReserved, async (messages, tx) => {
  await receiveSignals(tx, messages, () => ({ type: 'stock-reserved' }))
})
