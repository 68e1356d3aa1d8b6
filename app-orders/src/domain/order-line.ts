import { fromCents, maxCents } from './money.ts'
import type { Contents, OrderItem } from './order.ts'

export const maxLines = 100
/** Of one product, over all its lines. */
export const maxQuantity = 10_000

/** One line as it was ordered. */
export interface OrderLine {
  readonly productId: string
  readonly quantity: number
  /** What the client expects one piece to cost. */
  readonly priceCents?: number | undefined
}

/** One product of an order, with the places of its lines in the request. */
export interface MergedLine {
  readonly productId: string
  readonly quantity: number
  readonly expected: readonly { readonly line: number; readonly priceCents: number | undefined }[]
}

/** What the catalogue says of a product. */
export interface Price {
  readonly name: string
  readonly priceCents: number
  readonly currency: string
}

/** Puts lines of the same product together, each at the place of its first. */
export function mergeLines(lines: readonly OrderLine[]): MergedLine[] {
  const merged = new Map<string, MergedLine>()
  lines.forEach(({ productId, quantity, priceCents }, line) => {
    const known = merged.get(productId) ?? { productId, quantity: 0, expected: [] }
    const expected = [...known.expected, { line, priceCents }]
    merged.set(productId, { productId, quantity: known.quantity + quantity, expected })
  })
  return [...merged.values()]
}

export type LineProblem =
  | { readonly code: 'product-unknown'; readonly line: number; readonly message: string }
  | { readonly code: 'price-changed'; readonly line: number; readonly message: string }

export type Priced =
  | { readonly contents: Omit<Contents, 'shippingAddress'>; readonly refusal?: undefined }
  | { readonly refusal: 'product-unknown' | 'price-changed'; readonly problems: readonly LineProblem[] }
  | { readonly refusal: 'order-too-large' | 'mixed-currencies'; readonly problems: readonly [] }

/** Prices an order by the catalogue; `lines` are merged and at least one. */
export function priceLines(lines: readonly MergedLine[], catalogue: ReadonlyMap<string, Price>): Priced {
  const unknown = lines.filter(({ productId }) => !catalogue.has(productId)).flatMap(unknownLines)
  if (unknown.length > 0) return { refusal: 'product-unknown', problems: unknown }
  const priced = lines.map(line => ({ line, price: catalogue.get(line.productId) as Price }))
  const changed = priced.flatMap(({ line, price }) => changedLines(line, price))
  if (changed.length > 0) return { refusal: 'price-changed', problems: changed }
  const [currency = '', ...others] = new Set(priced.map(({ price }) => price.currency))
  if (others.length > 0) return { refusal: 'mixed-currencies', problems: [] }
  const items = priced.map(({ line, price }): OrderItem => {
    const { productId, quantity } = line
    return { productId, name: price.name, quantity, unitPriceCents: price.priceCents }
  })
  const totalCents = items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0)
  if (totalCents > maxCents) return { refusal: 'order-too-large', problems: [] }
  return { contents: { items, totalCents, currency } }
}

function unknownLines({ expected, productId }: MergedLine): LineProblem[] {
  return expected.map(({ line }) => ({ code: 'product-unknown', line, message: `there is no product ${productId}` }))
}

function changedLines({ expected }: MergedLine, { priceCents, currency }: Price): LineProblem[] {
  return expected
    .filter(expectation => expectation.priceCents !== undefined && expectation.priceCents !== priceCents)
    .map(({ line }) => ({
      code: 'price-changed',
      line,
      message: `is now ${currency} ${fromCents(priceCents).toFixed(2)}`,
    }))
}
