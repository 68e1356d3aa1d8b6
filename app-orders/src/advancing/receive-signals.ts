import type { Cause, Received, Transaction } from '@feira/chassis'
import type { Message } from '@feira/contracts'
import { advanceOrders, lockOrders } from './advance-orders.ts'
import type { Order } from '../domain/order.ts'
import type { Signal } from '../domain/saga.ts'

/** Leads the orders that messages speak of on, each by the signal that its message means for it. */
export async function receiveSignals<M extends Message>(
  tx: Transaction,
  messages: readonly (Received<M> & Cause & { readonly data: { readonly orderId: string } })[],
  signalOf: (message: Received<M>, order: Order | undefined) => Signal,
): Promise<void> {
  const locked = await lockOrders(
    tx,
    messages.map(({ data }) => data.orderId),
  )
  const happenings = messages.map(message => {
    const orderId = message.data.orderId.toLowerCase()
    return { orderId, cause: message, signal: signalOf(message, locked.get(orderId)) }
  })
  await advanceOrders(tx, locked, happenings)
}
