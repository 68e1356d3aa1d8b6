import { z } from 'zod'
import { orderStatuses } from './domain/order.ts'

/** The name of a state in a request, in any case: `PAID`. */
export const anyCase = z.preprocess(
  text => (typeof text === 'string' ? text.toLowerCase() : text),
  z.enum(orderStatuses, `must be one of ${orderStatuses.join(', ')}`),
)
