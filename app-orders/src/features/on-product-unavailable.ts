import { consumeBatch, type Received } from '@feira/chassis'
import { productUnavailable } from '@feira/contracts/products'
import type { Order } from '../domain/order.ts'
import { receiveSignals } from '../advancing/receive-signals.ts'

/** `product.unavailable` → `order.cancelled`, whose reason names the products. */
export const onProductUnavailable = consumeBatch('on-product-unavailable', productUnavailable, async (messages, tx) => {
  await receiveSignals(tx, messages, (message, order) => ({
    type: 'stock-unavailable',
    reason: reasonOf(message, order),
  }))
})

function reasonOf({ data }: Received<typeof productUnavailable>, order: Order | undefined): string {
  const names = new Map(order?.items.map(({ productId, name }) => [productId, name]))
  const missing = data.items.map(({ productId, quantity, available }) => {
    return `${names.get(productId) ?? productId} (${quantity} ordered, ${available} available)`
  })
  return `out of stock: ${missing.join(', ')}`
}
