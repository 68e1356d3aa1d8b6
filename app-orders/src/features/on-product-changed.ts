import { consumeBatch } from '@feira/chassis'
import { productCreated, productDeleted, productUpdated } from '@feira/contracts/products'
import { noteProducts } from '../replicas/price-list.ts'

const types = [productCreated, productUpdated, productDeleted]

/** `product.created`, `product.updated`, `product.deleted` → the price list. */
export const onProductChanged = consumeBatch('on-product-changed', types, async (messages, tx) => {
  await noteProducts(
    tx,
    messages.map(({ data }) => data),
  )
})
