/** What an admin says of a product; its stock is counted apart. */
export interface ProductFields {
  /** The shop's own number, in capitals; no two products that are for sale share one. */
  readonly sku: string
  readonly name: string
  readonly description: string | null
  readonly category: string | null
  readonly priceCents: number
}

export interface Product extends ProductFields {
  readonly id: string
  readonly currency: string
  /** 1 when created; grows by one with every change of the fields, and with the deletion. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface NewProduct extends ProductFields {
  readonly id: string
  readonly currency: string
  readonly at: Date
}

export function newProduct({ at, ...product }: NewProduct): Product {
  return { ...product, version: 1, createdAt: at, updatedAt: at }
}

/** New values of some fields; the others are absent or undefined. */
export type ProductChange = { readonly [Field in keyof ProductFields]?: ProductFields[Field] | undefined }

/** The product with some fields changed, in its next version; the very same one when nothing is different. */
export function amend<P extends Product>(product: P, change: ProductChange, at: Date): P {
  const fields = Object.entries(change).filter(
    ([name, value]) => value !== undefined && value !== product[name as keyof ProductFields],
  )
  if (fields.length === 0) return product
  return { ...product, ...Object.fromEntries(fields), version: product.version + 1, updatedAt: at }
}

/**
 * One number for a product and its stock, which have a version each: 1 when created, more after each change of either,
 * never the same for two states. Shown as the ETag.
 */
export function revisionOf({ version, stockVersion }: { readonly version: number; readonly stockVersion: number }) {
  return version + stockVersion - 1
}

/** Text without what a search does not tell apart: case and accents. */
export function fold(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase()
}

/** What a search looks through; the line break keeps a word from being found across name and SKU. */
export function searchTextOf({ name, sku }: Pick<ProductFields, 'name' | 'sku'>): string {
  return `${fold(name)}\n${fold(sku)}`
}
