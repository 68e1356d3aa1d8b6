import { textLine } from '@feira/chassis'
import { z } from 'zod'
import { toCents } from './domain/money.ts'
import { maxStock } from './domain/stock.ts'

const priceMessage = 'must be more than 0, at most 10000000, with at most two decimals'
const stockMessage = `must be a whole number from 0 to ${maxStock}`

/** An amount of the main unit of the currency, read as cents; `least` in cents. */
export const amount = (message: string, least = 1) =>
  z.union([z.number(), z.string().max(20)], 'must be a number or a numeric string').transform((value, context) => {
    const cents = toCents(value, least)
    if (cents !== undefined) return cents
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

/** What requests say of a product. */
export const productFields = {
  sku: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 visible ASCII characters')
    .toUpperCase()
    .describe('unique among the products for sale; stored in capitals'),
  name: textLine(200),
  price: amount(priceMessage).describe('e.g. 29.99'),
  category: textLine(100).nullable(),
  description: z.string().trim().max(2_000, 'must be at most 2000 characters').nullable(),
  stock: z.int(stockMessage).min(0, stockMessage).max(maxStock, stockMessage).describe('how many can be ordered'),
}

/** An id in a path. */
export const productParams = z.object({ id: z.uuid().toLowerCase() })
