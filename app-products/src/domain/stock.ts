import type { Item } from './reservation.ts'

/** Pieces of one product that an admin may put on the shelf at most; what comes back from orders may exceed it. */
export const maxStock = 1_000_000_000

export interface StockLevel {
  /** Pieces that can be ordered. */
  readonly available: number
  /** Pieces set aside for orders that have not left. */
  readonly reserved: number
}

export type MovementKind = 'initial' | 'adjustment' | 'set' | 'reservation' | 'release' | 'sale' | 'return'

/** One line of the ledger: what changed, as differences. Their sums are always the stock. */
export interface Movement extends StockLevel {
  readonly productId: string
  readonly kind: MovementKind
  readonly orderId: string | null
  readonly reason: string | null
}

/** A product as far as its stock goes. */
export interface StockedProduct extends StockLevel {
  readonly id: string
  /** Whether it is deleted: what is left of it cannot be ordered, but what was ordered comes back. */
  readonly deleted: boolean
}

export interface Shortage extends Item {
  readonly available: number
}

/**
 * The stock of some products while movements are written: each one sees what those before it left. Holds that nothing
 * falls below zero and that an order gets all it asks for, or nothing.
 */
export class StockBook {
  readonly #products: Map<string, StockedProduct>
  readonly #movements: Movement[] = []

  constructor(products: Iterable<StockedProduct>) {
    this.#products = new Map([...products].map(product => [product.id, product]))
  }

  /** What was moved, oldest first. */
  get movements(): readonly Movement[] {
    return this.#movements
  }

  /** The products that were moved, as they are now. */
  changed(): StockedProduct[] {
    const ids = new Set(this.#movements.map(({ productId }) => productId))
    return [...this.#products.values()].filter(({ id }) => ids.has(id))
  }

  /** @returns what is lacking; then nothing was set aside. Items name each product once. */
  reserve(orderId: string, items: readonly Item[]): Shortage[] {
    const lacking = items
      .map(item => ({ ...item, available: this.#sellable(item.productId) }))
      .filter(({ quantity, available }) => quantity > available)
    if (lacking.length === 0) this.#moveAll('reservation', orderId, items, { available: -1, reserved: 1 })
    return lacking
  }

  /** What was set aside can be ordered again. */
  release(orderId: string, items: readonly Item[]): void {
    this.#moveAll('release', orderId, items, { available: 1, reserved: -1 })
  }

  /** What was set aside has left. */
  sell(orderId: string, items: readonly Item[]): void {
    this.#moveAll('sale', orderId, items, { available: 0, reserved: -1 })
  }

  /** What had left came back. */
  takeBack(orderId: string, items: readonly Item[]): void {
    this.#moveAll('return', orderId, items, { available: 1, reserved: 0 })
  }

  /** Adds pieces, or takes some away. @returns false, and changes nothing, when there would be less than 0 or too many. */
  adjust(productId: string, by: number, reason: string): boolean {
    const to = this.level(productId).available + by
    if (to < 0 || to > maxStock) return false
    this.#move({ productId, kind: 'adjustment', orderId: null, reason, available: by, reserved: 0 })
    return true
  }

  /** The first line of a product's ledger, also when there is nothing of it yet. */
  open(productId: string, available: number): void {
    this.#move({ productId, kind: 'initial', orderId: null, reason: null, available, reserved: 0 })
  }

  /**
   * Says how many pieces can be ordered from now on; nothing is written when there are that many.
   * @param reason for the ledger.
   */
  set(productId: string, to: number, reason: string | null = null): void {
    const available = to - this.level(productId).available
    if (available === 0) return
    this.#move({ productId, kind: 'set', orderId: null, reason, available, reserved: 0 })
  }

  /** @throws when the book was not given that product. */
  level(productId: string): StockedProduct {
    const product = this.#products.get(productId)
    if (!product) throw new Error(`product ${productId} was not locked`)
    return product
  }

  #sellable(productId: string): number {
    const product = this.#products.get(productId)
    return !product || product.deleted ? 0 : product.available
  }

  #moveAll(kind: MovementKind, orderId: string, items: readonly Item[], sign: StockLevel): void {
    for (const { productId, quantity } of items) {
      const [available, reserved] = [sign.available * quantity, sign.reserved * quantity]
      this.#move({ productId, kind, orderId, reason: null, available, reserved })
    }
  }

  #move(movement: Movement): void {
    const product = this.level(movement.productId)
    const available = product.available + movement.available
    const reserved = product.reserved + movement.reserved
    if (available < 0 || reserved < 0) throw new Error(`${movement.kind} would leave less than no ${product.id}`)
    this.#products.set(product.id, { ...product, available, reserved })
    this.#movements.push(movement)
  }
}
