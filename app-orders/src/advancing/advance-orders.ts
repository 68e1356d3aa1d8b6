import { rejections, Rejection, type Cause, type Transaction } from '@feira/chassis'
import { paymentCompleted } from '@feira/contracts/payments'
import { stockRelease } from '@feira/contracts/products'
import { asc, sql } from 'drizzle-orm'
import type { Order } from '../domain/order.ts'
import { advance, type Effect, type Refusal, type Signal } from '../domain/saga.ts'
import { announce } from '../order-events.ts'
import { toOrder } from '../order-row.ts'
import { orders } from '../schema.ts'
import { storeOrders, type HistoryEntry } from './store-orders.ts'

/** A signal for an order. */
export interface Happening {
  readonly orderId: string
  readonly signal: Signal
  /** The message that brought it; the messages it leads to name it. */
  readonly cause?: Cause
  /** Whether a person wrote its reason. */
  readonly typed?: boolean
  /** The partner's event that it obeys, if it obeys one. */
  readonly causedBy?: string
}

/** Locks orders until the transaction ends, in the order of their ids, so that nobody waits in a circle. */
export async function lockOrders(tx: Transaction, ids: readonly string[]): Promise<Map<string, Order>> {
  const rows = await tx.db
    .select()
    .from(orders)
    .where(sql`${orders.id} = any(${sql.placeholder('ids')}::uuid[])`)
    .orderBy(asc(orders.id))
    .for('update')
    .prepare('lock-orders')
    .execute({ ids: [...new Set(ids)] })
  return new Map(rows.map(row => [row.id, toOrder(row)]))
}

/**
 * Leads orders on by signals, one after the other, and publishes and notes what comes of it.
 * @param locked the orders by id, locked by this transaction; they are replaced by what they have become.
 * @throws Rejection when one of the orders does not exist or refuses its signal.
 */
export async function advanceOrders(
  tx: Transaction,
  locked: Map<string, Order>,
  happenings: readonly Happening[],
): Promise<void> {
  const at = new Date()
  const before = new Map(locked)
  const history: HistoryEntry[] = []
  for (const happening of happenings) {
    const { order, effects } = follow(locked, happening, at)
    locked.set(order.id, order)
    for (const effect of effects) {
      if (effect.type === 'announce') history.push({ ...effect, order, at, typed: happening.typed ?? false })
      carryOut(tx, order, effect, happening, at)
    }
  }
  const changes = [...before.values()].map(was => ({ before: was, after: locked.get(was.id) ?? was }))
  await storeOrders(
    tx,
    changes.filter(change => change.before !== change.after),
    history,
  )
}

/** The order after what happened, the very same one when that changes nothing, and what has to be done. */
function follow(locked: ReadonlyMap<string, Order>, { orderId, signal }: Happening, at: Date) {
  const known = locked.get(orderId)
  if (!known) throw rejections.notFound('order', orderId)
  const advanced = advance(known, signal)
  if (advanced.refusal) throw rejectionOf(known, advanced.refusal)
  const { state, effects } = advanced
  return { order: effects.length === 0 ? state : { ...state, updatedAt: at }, effects }
}

function carryOut(tx: Transaction, order: Order, effect: Effect, { cause, causedBy }: Happening, at: Date): void {
  const options = cause ? { cause } : {}
  switch (effect.type) {
    case 'announce':
      return announce(tx, { ...effect, order, at, causedBy: causedBy ?? null }, options)
    case 'release-stock':
      return tx.publish(stockRelease, { orderId: order.id, reason: `order ${effect.status}` }, options)
    case 'return-payment':
      return returnPayment(tx, order, effect.payment.reference, options)
  }
}

// Nobody can tell the provider to give money back. Heard again, now that its order is given up, the payment is refused and
// becomes a dead letter, like every payment that comes too late: somebody has to look at it.
function returnPayment(
  tx: Transaction,
  { id, totalCents, currency }: Order,
  reference: string | null,
  options: object,
) {
  const payment = { orderId: id, paymentReference: reference, amountCents: totalCents, currency }
  tx.publish(paymentCompleted, payment, { ...options, queue: 'orders.on-payment-completed' })
}

const refusals: Record<Exclude<Refusal['code'], 'invalid-transition'>, string> = {
  'payment-mismatch': 'The payment is not of the amount and currency of the order.',
  'already-paid': 'The order has its payment; this is another one.',
  'payment-contradicted': 'The order has this payment, which is now said to have failed.',
  'payment-after-cancellation': 'The order was given up before this payment came.',
}

function rejectionOf({ id }: Order, refusal: Refusal): Rejection {
  if (refusal.code === 'invalid-transition') return invalidTransition(refusal.from, refusal.to)
  return new Rejection(refusal.code, 409, `${refusals[refusal.code]} Order ${id}.`)
}

/** The refusal to make an order what it cannot become from what it is. */
export function invalidTransition(from: Order['status'], to: Order['status']): Rejection {
  return new Rejection('invalid-transition', 409, `The order is ${from}, and from there it cannot become ${to}.`)
}
