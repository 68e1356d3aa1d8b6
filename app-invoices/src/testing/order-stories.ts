import { newId } from '@feira/chassis'
import { orderCancelled, orderCreated, orderPaid, orderRefunded } from '@feira/contracts/orders'

/** What can be told of an order. */
export const told = { created: orderCreated, paid: orderPaid, cancelled: orderCancelled, refunded: orderRefunded }
export type Told = keyof typeof told
const versions: Record<Told, number> = { created: 1, paid: 3, cancelled: 3, refunded: 4 }

/** What an order's events carry beside their own time. */
export const order = (fields: object = {}) => ({ ...orderPaid.example, orderId: newId(), userId: newId(), ...fields })
export type Order = ReturnType<typeof order>

/** What an event says of an order. */
export const payloadOf = (what: Told, about: Order, fields: object = {}) => {
  return { ...about, ...told[what].example, ...about, version: versions[what], ...fields }
}

/** An event of an order, for a burst. */
export const message = (what: Told, about: Order) => ({ type: told[what].type, data: payloadOf(what, about) })
