import { z } from 'zod'

const productMessage = 'must be the id or the SKU of a product, 1 to 64 visible ASCII characters'

/** `produto_id` */
export const productField = z
  .string(productMessage)
  .regex(/^[\x21-\x7e]{1,64}$/, productMessage)
  .describe('the id or the SKU of a product')

/** `quantidade`: a whole number between two bounds, both included. */
export function quantityField(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`
  return z.int(message).min(least, message).max(most, message)
}
