import type { Query } from '@feira/chassis'
import { partnerSale } from '@feira/contracts/orders'
import { z } from 'zod'
import { maxCents, toCents } from '../domain/money.ts'
import { productField, quantityField } from './fields.ts'
import { defineStrategy } from './strategy.ts'

const amountMessage = `must be more than 0, at most ${maxCents / 100}, with at most two decimals`

const data = z.strictObject({
  produto_id: productField,
  quantidade: quantityField(1, 10_000),
  valor: z
    .union([z.number(), z.string()], 'must be a number or a numeric string')
    .refine(amount => toCents(amount) !== undefined, amountMessage)
    .describe('what all of it is expected to cost, e.g. 59.98; refused if it costs something else'),
})

/** `VENDA` → `partner.sale`: app-orders places an order. */
export const sale = defineStrategy<z.infer<typeof data>, { readonly partnerName: string | null }>({
  kind: 'sale',
  tipo: 'VENDA',
  data,
  meaning: ({ produto_id, quantidade, valor }) => [produto_id, quantidade, toCents(valor)],
  async enrich(query, events) {
    const names = await namesOf(
      query,
      events.map(({ partnerId }) => partnerId),
    )
    return events.map(({ partnerId }) => ({ facts: { partnerName: names.get(partnerId) ?? null } }))
  },
  send(tx, { id, partnerId, data: { produto_id, quantidade, valor } }, { partnerName }, options) {
    const totalCents = toCents(valor) as number
    const ordered = { product: produto_id, quantity: quantidade, totalCents }
    tx.publish(partnerSale, { eventId: id, partnerId, partnerName, ...ordered }, options)
  },
})

async function namesOf(query: Query, partnerIds: readonly string[]): Promise<Map<string, string | null>> {
  const { rows } = await query<{ id: string; name: string | null }>({
    name: 'names-of-partners',
    text: 'select id, name from partners where id = any($1::uuid[])',
    values: [[...new Set(partnerIds)]],
  })
  return new Map(rows.map(({ id, name }) => [id, name]))
}
