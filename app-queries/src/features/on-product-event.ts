import { consumeBatch } from '@feira/chassis'
import { productCreated, productDeleted, productUpdated } from '@feira/contracts/products'
import { evict } from '../projecting/evict.ts'
import { holdModels } from '../projecting/models.ts'
import { keepProducts, toProductRow } from '../projecting/product-row.ts'

const types = [productCreated, productUpdated, productDeleted]

/** `product.created`, `product.updated`, `product.deleted` → the product as it is then; of one deleted, a tombstone. */
export const onProductEvent = consumeBatch('on-product-event', types, async (messages, tx) => {
  const { models } = await holdModels(tx)
  const rows = messages.map(({ data }) => toProductRow(data))
  await keepProducts(tx, models, rows)
  evict(tx, ['products', ...rows.map(({ id }) => `product:${id}`)])
})
