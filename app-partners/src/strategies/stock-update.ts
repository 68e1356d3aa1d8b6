import { partnerStockUpdate } from '@feira/contracts/products'
import { z } from 'zod'
import { productField, quantityField } from './fields.ts'
import { defineStrategy } from './strategy.ts'

const data = z.strictObject({ produto_id: productField, quantidade: quantityField(0, 1_000_000_000) })

/** `ATUALIZAÇÃO_ESTOQUE` → `partner.stock-update`: app-products sets what is available. */
export const stockUpdate = defineStrategy<z.infer<typeof data>, null>({
  kind: 'stock-update',
  tipo: 'ATUALIZAÇÃO_ESTOQUE',
  data,
  meaning: ({ produto_id, quantidade }) => [produto_id, quantidade],
  enrich: async (_query, events) => events.map(() => ({ facts: null })),
  send(tx, { id, partnerId, data: { produto_id, quantidade } }, _facts, options) {
    const wanted = { product: produto_id, quantity: quantidade }
    tx.publish(partnerStockUpdate, { eventId: id, partnerId, ...wanted }, options)
  },
})
