import { callerOf, mayAccess, rejections, requireMatch, type Answer, type Transaction } from '@feira/chassis'
import { z } from 'zod'
import { advanceOrders, lockOrders } from './advance-orders.ts'
import type { Config } from '../config.ts'
import type { Order } from '../domain/order.ts'
import type { Signal } from '../domain/saga.ts'
import { toView, type OrderView } from '../order-view.ts'

type Request = Parameters<typeof callerOf>[0]

/** The path of whatever concerns one order. */
export const orderPath = z.object({ id: z.uuid() })

/** A reason that a person gives for what they do. */
export const typedReason = z.string().trim().min(1).max(500)

/**
 * Leads an order on as the caller of a request wishes: its own, or any for an admin. Whoever else changes it at the same
 * time comes before or after; the one after meets the order as it is then.
 * @param wish the signal; a function may look at the order first, and refuse.
 * @throws Rejection 404 for an order that is not there or not the caller's, 412 by `If-Match`, 409 when it cannot be.
 */
export async function changeOrder(
  tx: Transaction,
  request: Request,
  orderId: string,
  wish: Signal | ((order: Order) => Signal),
  config: Config,
): Promise<Answer<OrderView>> {
  const locked = await lockOrders(tx, [orderId])
  const order = locked.get(orderId.toLowerCase())
  if (!order || !mayAccess(callerOf(request), order.userId)) throw rejections.notFound('order', orderId)
  requireMatch(request, order.version)
  const signal = typeof wish === 'function' ? wish(order) : wish
  await advanceOrders(tx, locked, [{ orderId: order.id, signal, typed: true }])
  const changed = locked.get(order.id) ?? order
  return {
    status: 200,
    headers: { etag: `"${changed.version}"` },
    body: toView(changed, config),
    subjectId: changed.userId,
  }
}
