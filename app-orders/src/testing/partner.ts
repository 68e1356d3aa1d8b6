import { newId } from '@feira/chassis'
import { waitUntil } from '@feira/chassis/testing'
import type { Data, Payload } from '@feira/contracts'
import { orderCreated, orderRefused, type partnerReturn, partnerSale } from '@feira/contracts/orders'
import type { Shop } from './shop.ts'

/** A sale of two pieces of `CAFE-250` at its price, under a new event of a new partner. */
export function sale(fields: Partial<Payload<typeof partnerSale>> = {}): Payload<typeof partnerSale> {
  return { ...partnerSale.example, eventId: newId(), partnerId: newId(), ...fields }
}

/** The return of an order, under a new event. */
export function giveBack(partnerId: string, orderId: string): Payload<typeof partnerReturn> {
  return { eventId: newId(), partnerId, orderId, reason: 'arrived broken' }
}

/** What `order.created` said of the orders of an event. */
export async function createdBy(shop: Shop, eventId: string): Promise<Data<typeof orderCreated>[]> {
  return (await shop.published(orderCreated)).filter(({ origin }) => origin?.eventId === eventId)
}

export async function refusalsOf(shop: Shop, eventId: string): Promise<Data<typeof orderRefused>[]> {
  return (await shop.published(orderRefused)).filter(({ causedBy }) => causedBy === eventId)
}

/** Sends a sale, of a new product unless told otherwise, and waits for its order. */
export async function sell(shop: Shop, fields: Partial<Payload<typeof partnerSale>> = {}) {
  const product = fields.product ?? (await shop.product({ sku: `SKU-${newId()}`.toUpperCase() })).sku
  const sold = sale({ ...fields, product })
  await shop.deliver(partnerSale, sold)
  await waitUntil('it has its order', async () => (await createdBy(shop, sold.eventId)).length > 0)
  const [created] = await createdBy(shop, sold.eventId)
  return { ...sold, orderId: String(created?.orderId) }
}

/** How many orders an event placed. */
export async function ordersOf(shop: Shop, eventId: string): Promise<number> {
  const text = 'select 1 from orders where origin_event_id = $1'
  return (await shop.resources.query({ text, values: [eventId] })).rowCount ?? 0
}
