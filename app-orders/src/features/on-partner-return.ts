import { consumeBatch, Rejection, type Received, type Transaction } from '@feira/chassis'
import { partnerReturn } from '@feira/contracts/orders'
import { advanceOrders, lockOrders } from '../advancing/advance-orders.ts'
import type { Order } from '../domain/order.ts'
import type { Refusal } from '../domain/sale.ts'
import { claimEvents, eventOf, refuseCommands, repeatRefusals, type RefusedCommand } from '../partners/decisions.ts'

type ReturnCommand = Received<typeof partnerReturn>

/**
 * `partner.return` → `order.cancelled` while the order is unpaid, else `order.refunded`, and `stock.release` also of what had
 * left; or `order.refused`. Once for each event of a partner, and only for orders that the partner placed.
 */
export const onPartnerReturn = consumeBatch('on-partner-return', partnerReturn, async (returns, tx) => {
  const { fresh, repeated } = await claimEvents(tx, returns)
  const locked = await lockOrders(
    tx,
    fresh.map(({ data }) => data.orderId),
  )
  const refusals: RefusedCommand[] = []
  for (const command of fresh) {
    const refusal = await takeBack(tx, locked, command)
    if (refusal) refusals.push({ ...refusal, command, orderId: command.data.orderId })
  }
  await refuseCommands(tx, refusals)
  await repeatRefusals(tx, repeated)
})

// A partner learns of an order by an event that was published after its row: what is not found here is not its order.
async function takeBack(
  tx: Transaction,
  locked: Map<string, Order>,
  command: ReturnCommand,
): Promise<Refusal | undefined> {
  const { orderId, partnerId, reason } = command.data
  const order = locked.get(orderId.toLowerCase())
  if (order?.origin?.partnerId !== partnerId.toLowerCase())
    return { code: 'sale-unknown', detail: `This partner has no sale that placed order ${orderId}.` }
  const happening = { orderId: order.id, signal: { type: 'returned', reason }, cause: command, typed: true } as const
  try {
    await advanceOrders(tx, locked, [{ ...happening, causedBy: eventOf(command) }])
    return undefined
  } catch (error) {
    if (error instanceof Rejection) return { code: error.code, detail: error.message }
    throw error
  }
}
