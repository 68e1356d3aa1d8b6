import { fromCents } from './money.ts'
import type { Contents } from './order.ts'
import { maxQuantity, mergeLines, priceLines, type Price } from './order-line.ts'

/** What a partner says it has sold. */
export interface Sale {
  /** As the partner names it: by its id or its SKU. */
  readonly product: string
  readonly quantity: number
  /** What all of it is expected to cost. */
  readonly totalCents: number
}

/** A product as the catalogue has it. */
export interface CatalogueProduct extends Price {
  readonly productId: string
}

/** Why a partner's event cannot be obeyed. */
export interface Refusal {
  /** Stable, kebab-case: partners branch on it. */
  readonly code: string
  /** One sentence for people. */
  readonly detail: string
}

export type Judgement =
  | { readonly contents: Contents; readonly refusal?: undefined }
  | { readonly refusal: Refusal; readonly contents?: undefined }

/** What an order of a sale holds, at the catalogue's price, or why there is none; `product` is undefined when unknown. */
export function judgeSale(sale: Sale, product: CatalogueProduct | undefined): Judgement {
  const { quantity, totalCents } = sale
  if (!product) return refuse('product-unknown', `There is no product ${sale.product.slice(0, 100)}.`)
  if (quantity > maxQuantity)
    return refuse('quantity-too-large', `An order holds at most ${maxQuantity} of one product.`)
  const { productId, name, currency } = product
  const priced = priceLines(mergeLines([{ productId, quantity }]), new Map([[productId, product]]))
  if (priced.refusal) return refuse(priced.refusal, 'The order costs more than one order may.')
  if (priced.contents.totalCents !== totalCents) {
    const [cost, expected] = [priced.contents.totalCents, totalCents].map(cents => fromCents(cents).toFixed(2))
    return refuse('price-changed', `${quantity} × ${name} cost ${currency} ${cost}, not ${expected}.`)
  }
  return { contents: { ...priced.contents, shippingAddress: null } }
}

function refuse(code: string, detail: string): Judgement {
  return { refusal: { code, detail } }
}
