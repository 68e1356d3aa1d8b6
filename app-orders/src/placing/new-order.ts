import { z } from 'zod'
import { fromCents, maxCents, toCents } from '../domain/money.ts'
import type { ShippingAddress } from '../domain/order.ts'
import { maxLines, maxQuantity, mergeLines, type OrderLine } from '../domain/order-line.ts'

/** What a request to place an order says, whatever names it used. */
export interface NewOrder {
  readonly userId?: string | undefined
  readonly userEmail?: string | undefined
  /** Of a quick order. */
  readonly totalCents?: number | undefined
  /** Of an order of products. */
  readonly lines?: readonly OrderLine[] | undefined
  readonly shippingAddress?: ShippingAddress | undefined
}

const amount = z
  .union([z.number(), z.string().max(20)], 'must be a number or a numeric string')
  .transform((value, context) => {
    const cents = toCents(value)
    if (cents !== undefined) return cents
    const most = fromCents(maxCents)
    context.addIssue({ code: 'custom', message: `must be more than 0, at most ${most}, with at most two decimals` })
    return z.NEVER
  })

type Fields = Readonly<Record<string, unknown>>
type Names = readonly (readonly [name: string, other: string])[]

/** A check that two names of one thing do not say two things. */
function agree(names: Names) {
  return (value: Fields, context: z.core.$RefinementCtx) => {
    for (const [name, other] of names) {
      if (value[name] === undefined || value[other] === undefined) continue
      if (JSON.stringify(value[name]) === JSON.stringify(value[other])) continue
      context.addIssue({ code: 'custom', path: [other], message: `says something else than ${name}` })
    }
  }
}

const line = z
  .strictObject({
    productId: z.uuid().optional(),
    product_id: z.uuid().optional().describe('another name for productId'),
    quantity: z.int(quantityMessage()).min(1, quantityMessage()).max(maxQuantity, quantityMessage()),
    price: amount
      .optional()
      .describe('what one piece is expected to cost; refused with 409 if it costs something else'),
  })
  .refine(({ productId, product_id }) => productId ?? product_id, { path: ['productId'], error: 'is required' })
  .superRefine(agree([['productId', 'product_id']]))
  .transform(({ productId, product_id, quantity, price }): OrderLine => {
    // As PostgreSQL writes it, by which lines are merged and prices found.
    const id = ((productId ?? product_id) as string).toLowerCase()
    return { productId: id, quantity, priceCents: price }
  })

function quantityMessage(): string {
  return `must be a whole number from 1 to ${maxQuantity}`
}

const lines = z
  .array(line)
  .min(1, `must hold 1 to ${maxLines} lines`)
  .max(maxLines, `must hold 1 to ${maxLines} lines`)
  .superRefine((items, context) => {
    for (const { quantity, expected } of mergeLines(items)) {
      // Too much in one line was said already.
      if (quantity <= maxQuantity || expected.length === 1) continue
      const path = [expected.at(-1)?.line ?? 0, 'quantity']
      context.addIssue({ code: 'custom', path, message: `makes more than ${maxQuantity} of one product` })
    }
  })

const text = (max: number) => z.string().trim().min(1).max(max)

const address = z
  .strictObject({
    street: text(200),
    city: text(100),
    state: text(100),
    zipCode: text(20).optional(),
    zip_code: text(20).optional().describe('another name for zipCode'),
  })
  .refine(({ zipCode, zip_code }) => zipCode ?? zip_code, { path: ['zipCode'], error: 'is required' })
  .superRefine(agree([['zipCode', 'zip_code']]))
  .transform(({ zipCode, zip_code, ...place }): ShippingAddress => ({
    ...place,
    zipCode: (zipCode ?? zip_code) as string,
  }))

/** The body of `POST /orders`: an order of products or of an amount, each name in camelCase or snake_case. */
export const newOrder = z
  .strictObject({
    userId: z.uuid().optional().describe('whose order it is, the caller when absent; another one only by an admin'),
    user_id: z.uuid().optional().describe('another name for userId'),
    userEmail: z.email().max(254).optional().describe('where to write to instead, if an admin says so'),
    user_email: z.email().max(254).optional().describe('another name for userEmail'),
    items: lines.optional().describe('of an order of products; a quick order has an `amount` instead'),
    shippingAddress: address.optional().describe('only of an order of products'),
    shipping_address: address.optional().describe('another name for shippingAddress'),
    amount: amount.optional().describe('of an order without items, e.g. 29.99'),
    total: amount.optional().describe('another name for amount'),
  })
  .superRefine(
    agree([
      ['amount', 'total'],
      ['userId', 'user_id'],
      ['userEmail', 'user_email'],
      ['shippingAddress', 'shipping_address'],
    ]),
  )
  .superRefine((body, context) => {
    for (const { field, message } of contradictions(body)) {
      context.addIssue({ code: 'custom', path: [field], message })
    }
  })
  .transform((body): NewOrder => {
    const userId = body.userId ?? body.user_id
    return {
      userId: userId?.toLowerCase(),
      userEmail: body.userEmail ?? body.user_email,
      totalCents: body.amount ?? body.total,
      lines: body.items,
      shippingAddress: body.shippingAddress ?? body.shipping_address,
    }
  })
  .meta({
    examples: [
      {
        items: [{ productId: '01a20132-da84-748a-9e65-66bc342033fc', quantity: 2, price: 29.9 }],
        shippingAddress: { street: 'Rua das Flores 12', city: 'São Paulo', state: 'SP', zipCode: '01310-100' },
      },
      { amount: 29.99 },
    ],
  })

/** An order has either items or an amount, and only items are shipped. */
function contradictions(body: Fields): { field: string; message: string }[] {
  const given = (...fields: string[]) => fields.filter(field => body[field] !== undefined)
  const amounts = given('amount', 'total')
  if (body['items'] !== undefined) return amounts.map(field => ({ field, message: 'is the sum of the items' }))
  if (amounts.length === 0) return [{ field: 'amount', message: 'is required where there are no items' }]
  const addresses = given('shippingAddress', 'shipping_address')
  return addresses.map(field => ({ field, message: 'is only for orders with items' }))
}
