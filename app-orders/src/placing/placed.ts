import type { Answer } from '@feira/chassis'
import type { Config } from '../config.ts'
import type { Order } from '../domain/order.ts'
import { toView, type OrderView } from '../order-view.ts'

/** The answer to whoever placed an order. */
export function placed(order: Order, config: Config): Answer<OrderView> {
  const { id, version, userId } = order
  return {
    status: 201,
    headers: {
      location: `/orders/${id}`,
      // Where it can be read with all that belongs to it, as soon as it is there.
      link: `</q/orders/${id}?minVersion=${version}>; rel="related"`,
      etag: `"${version}"`,
    },
    body: toView(order, config),
    subjectId: userId,
  }
}
