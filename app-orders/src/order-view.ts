import { z } from 'zod'
import { fromCents } from './domain/money.ts'
import type { Order } from './domain/order.ts'

/** An order as HTTP shows it. */
export const orderView = z
  .object({
    id: z.uuid(),
    userId: z.uuid().nullable(),
    status: z.enum(['pending', 'reserved', 'paid', 'shipped', 'completed', 'cancelled', 'refunded']),
    amount: z.number().describe('total in the main unit of the currency, e.g. 29.99'),
    totalCents: z.int().describe('the same, exact'),
    currency: z.string().describe('ISO 4217'),
    version: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'Order' })

export function toView({
  id,
  userId,
  status,
  totalCents,
  currency,
  version,
  createdAt,
  updatedAt,
}: Order): z.infer<typeof orderView> {
  return {
    id,
    userId,
    status,
    amount: fromCents(totalCents),
    totalCents,
    currency,
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
