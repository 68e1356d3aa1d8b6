import { z } from 'zod'
import { users, type orders } from '../schema.ts'

const orderStatuses = ['pending', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded'] as const

export const orderStatus = z.enum(orderStatuses, `must be one of ${orderStatuses.join(', ')}`)

export const money = z.number().describe('in the main unit of the currency, e.g. 29.99')

const itemView = z
  .object({
    productId: z.uuid(),
    name: z.string(),
    quantity: z.int(),
    unitPrice: money,
    unitPriceCents: z.int(),
    lineTotal: money,
    lineTotalCents: z.int(),
  })
  .meta({ id: 'OrderItem' })

const customerView = z
  .object({ id: z.uuid(), name: z.string().nullable(), email: z.string().nullable() })
  .meta({ id: 'Customer' })

/** An order and whose it is, as a list shows them. */
export const orderSummary = z
  .object({
    id: z.uuid(),
    userId: z.uuid().nullable(),
    user: customerView.nullable().describe('as they are now; null where nobody is known, or the person was erased'),
    status: orderStatus,
    items: z.array(itemView).describe('empty for a quick order'),
    amount: money,
    totalCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'OrderSummary' })

export type OrderSummary = z.infer<typeof orderSummary>
type OrderRow = typeof orders.$inferSelect
type CustomerRow = Pick<typeof users.$inferSelect, 'name' | 'email'>

/** What a statement selects of users; with the id, because Drizzle takes a row of nulls for no row. */
export const customerColumns = { id: users.id, name: users.name, email: users.email }

/**
 * @param user null while this service has not heard of the user: then the order itself tells who it was.
 * @param names of products, as far as they have another one now than when they were ordered.
 */
export function toSummary(order: OrderRow, user: CustomerRow | null, names: Names = {}): OrderSummary {
  const { id, userId, status, totalCents, currency, version, createdAt, changedAt } = order
  return {
    id,
    userId,
    user: toCustomer(userId, user ?? { name: order.customerName, email: order.customerEmail }),
    status,
    items: order.items.map(item => toItem(item, names)),
    amount: totalCents / 100,
    totalCents,
    currency,
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: changedAt.toISOString(),
  }
}

/** Names of products by their ids. */
export type Names = Readonly<Record<string, string>>

// A user without name and address was erased.
function toCustomer(id: string | null, { name, email }: CustomerRow): OrderSummary['user'] {
  return id === null || (name === null && email === null) ? null : { id, name, email }
}

function toItem(item: OrderRow['items'][number], names: Names): OrderSummary['items'][number] {
  const { productId, quantity, unitPriceCents } = item
  const lineTotalCents = quantity * unitPriceCents
  return {
    productId,
    name: names[productId.toLowerCase()] ?? item.name,
    quantity,
    unitPrice: unitPriceCents / 100,
    unitPriceCents,
    lineTotal: lineTotalCents / 100,
    lineTotalCents,
  }
}
