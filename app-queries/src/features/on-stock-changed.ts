import { consumeBatch } from '@feira/chassis'
import { stockChanged } from '@feira/contracts/products'
import { evict } from '../projecting/evict.ts'
import { holdModels } from '../projecting/models.ts'
import { keepStocks, toStockRow } from '../projecting/product-row.ts'

/** `stock.changed` → how much there is of the product, whether or not it is known. */
export const onStockChanged = consumeBatch('on-stock-changed', stockChanged, async (messages, tx) => {
  const { models } = await holdModels(tx)
  await keepStocks(
    tx,
    models,
    messages.map(({ data }) => toStockRow(data)),
  )
  // Orders show what a product is called, not how much there is of it.
  evict(tx, ['products'])
})
