import type { Order } from './domain/order.ts'
import type { orders } from './schema.ts'

/** An order as the database keeps it. */
export type OrderRow = typeof orders.$inferSelect

export function toOrder({
  paymentReceived,
  paymentReference,
  originPartnerId,
  originEventId,
  ...row
}: OrderRow): Order {
  return {
    ...row,
    payment: paymentReceived ? { reference: paymentReference } : null,
    origin: originPartnerId && originEventId ? { partnerId: originPartnerId, eventId: originEventId } : null,
  }
}
