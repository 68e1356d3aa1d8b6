import type { Query } from '@feira/chassis'
import { partnerReturn } from '@feira/contracts/orders'
import { z } from 'zod'
import type { EventState } from '../domain/event.ts'
import { defineStrategy, type Enriched, type Subject } from './strategy.ts'

const saleMessage = "must be the id of a sale's event, or of its order"
const reasonMessage = 'must be 1 to 500 characters'

const data = z.strictObject({
  venda_id: z.uuid(saleMessage).describe("the id of the sale's event, or of the order that it placed"),
  motivo: z
    .string(reasonMessage)
    .max(500, reasonMessage)
    .refine(reason => reason.trim() !== '', reasonMessage),
})

type Return = Subject<z.infer<typeof data>>
interface Facts {
  readonly orderId: string
}

/** `DEVOLUÇÃO` → `partner.return`: app-orders cancels the order of a sale, or refunds it. */
export const returnOfSale = defineStrategy<z.infer<typeof data>, Facts>({
  kind: 'return',
  tipo: 'DEVOLUÇÃO',
  data,
  meaning: ({ venda_id, motivo }) => [venda_id.toLowerCase(), motivo.trim()],
  async enrich(query, events) {
    const sales = await findSales(query, events)
    return events.map(event => orderOf(event, sales.get(event.id)))
  },
  send(tx, { id, partnerId, data: { motivo } }, { orderId }, options) {
    tx.publish(partnerReturn, { eventId: id, partnerId, orderId, reason: motivo.trim() }, options)
  },
})

interface Sale {
  readonly state: EventState
  readonly orderId: string | null
}

function orderOf({ data: { venda_id } }: Return, sale: Sale | undefined): Enriched<Facts> {
  if (!sale) return { refused: { code: 'sale-unknown', detail: `There is no sale ${venda_id} of this partner.` } }
  const { state, orderId } = sale
  if (orderId !== null) return { facts: { orderId }, orderId }
  if (state === 'refused') {
    return { refused: { code: 'sale-refused', detail: `Sale ${venda_id} was refused, so nothing was sold.` } }
  }
  return { missing: { code: 'sale-not-placed', detail: `The order of sale ${venda_id} is not known yet.` } }
}

/** The sales that returns speak of, by the id of the return; nobody finds another partner's. */
async function findSales(query: Query, returns: readonly Return[]): Promise<Map<string, Sale>> {
  const { rows } = await query<Sale & { id: string }>({
    name: 'find-sales',
    text: `
      select t.id, sale.state, sale.order_id as "orderId"
      from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as t (id, partner_id, sale_id)
      join lateral (
        select state, order_id, partner_id, kind from events where events.id = t.sale_id
        union all select state, order_id, partner_id, kind from events where events.order_id = t.sale_id) as sale
      on sale.partner_id = t.partner_id and sale.kind = 'sale'`,
    values: [
      returns.map(({ id }) => id),
      returns.map(({ partnerId }) => partnerId),
      returns.map(event => event.data.venda_id),
    ],
  })
  return new Map(rows.map(({ id, ...sale }) => [id, sale]))
}
