import { momentOf, newId, type Query, type Received, type Transaction } from '@feira/chassis'
import type { partnerSale } from '@feira/contracts/orders'
import { itemOrder, type Contents, type Order } from '../domain/order.ts'
import { judgeSale, type Judgement } from '../domain/sale.ts'
import type { Meters } from '../meters.ts'
import { writeOrders, type Placement } from '../placing/write-orders.ts'
import type { NamedProducts } from '../replicas/product-lookup.ts'
import { claimEvents, eventOf, refuseCommands, repeatRefusals, type RefusedCommand } from './decisions.ts'

export type SaleCommand = Received<typeof partnerSale>

/**
 * Decides about sales, once for each event: each becomes an order of its partner, or is refused. There is no e-mail address
 * in such an order, so nobody is written to: partners are told by webhook.
 */
export async function decideSales(
  tx: Transaction,
  sales: readonly SaleCommand[],
  catalogue: NamedProducts,
  meters: Meters,
): Promise<void> {
  if (sales.length === 0) return
  const { fresh, repeated } = await claimEvents(tx, sales)
  const barred = await findBarred(
    tx.query,
    fresh.map(({ data }) => data.partnerId),
  )
  const placements: Placement[] = []
  const refusals: RefusedCommand[] = []
  for (const command of fresh) {
    const { contents, refusal } = judge(command, catalogue, barred)
    if (contents) placements.push({ order: orderOf(command, contents), cause: command })
    else refusals.push({ ...refusal, command })
  }
  await writeOrders(tx, placements, meters)
  await refuseCommands(tx, refusals)
  await repeatRefusals(tx, repeated)
}

function judge({ data }: SaleCommand, catalogue: NamedProducts, barred: ReadonlySet<string>): Judgement {
  if (!barred.has(data.partnerId.toLowerCase())) return judgeSale(data, catalogue.find(data.product))
  return { refusal: { code: 'partner-blocked', detail: 'This partner is blocked or was deleted.' } }
}

/** Those of the partners who, as users, are blocked or were deleted: nobody orders for them. */
async function findBarred(query: Query, partnerIds: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await query<{ id: string }>({
    name: 'barred-customers',
    text: `select id from customers where id = any($1::uuid[]) and (status = 'blocked' or deleted_at is not null)`,
    values: [[...new Set(partnerIds)]],
  })
  return new Set(rows.map(({ id }) => id))
}

function orderOf(command: SaleCommand, contents: Contents): Order {
  const id = newId()
  const partnerId = command.data.partnerId.toLowerCase()
  const customer = { userId: partnerId, userName: command.data.partnerName, userEmail: null, userLocale: null }
  return itemOrder({ id, customer, contents, at: momentOf(id), origin: { partnerId, eventId: eventOf(command) } })
}
