import { consumeBatch } from '@feira/chassis'
import { orderCreated } from '@feira/contracts/orders'
import { evict, tagsOfOrders } from '../projecting/evict.ts'
import { holdModels } from '../projecting/models.ts'
import { keepOrders, orderEvents, toOrderRow } from '../projecting/order-row.ts'
import { appendToTimeline } from '../projecting/timeline.ts'

/** Whatever happens to an order → the order as it is then, and its timeline. */
export const onOrderEvent = consumeBatch('on-order-event', orderEvents, async (messages, tx) => {
  const { models } = await holdModels(tx)
  await keepOrders(tx, models, messages.map(toOrderRow))
  evict(tx, tagsOfOrders(messages.map(({ data }) => data.orderId)))
  const happenings = messages.map(message => {
    const { orderId, userId, version } = message.data
    // Why it was cancelled or refunded may have been typed by anybody, and about anybody.
    return { message, orderId, userId, version, note: null }
  })
  await appendToTimeline(tx, orderCreated.owner, happenings)
})
