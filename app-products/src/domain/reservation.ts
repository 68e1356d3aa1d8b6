/** What of its items an order has here: set aside, refused, put back (or never to be set aside), or gone with it. */
export type ReservationState = 'reserved' | 'refused' | 'released' | 'sold'

export interface Item {
  readonly productId: string
  readonly quantity: number
}

/** One line for each product of an order, in the order of their first appearance; ids in lower case, as they are stored. */
export function mergeItems(items: readonly Item[]): Item[] {
  const merged = new Map<string, number>()
  for (const { productId, quantity } of items) {
    const id = productId.toLowerCase()
    // More than anybody has, and still a whole number.
    merged.set(id, Math.min((merged.get(id) ?? 0) + quantity, Number.MAX_SAFE_INTEGER))
  }
  return [...merged].map(([productId, quantity]) => ({ productId, quantity }))
}

/** How a release gives back what an order holds; undefined when it holds nothing. */
export function releaseKind(state: ReservationState): 'release' | 'return' | undefined {
  if (state === 'reserved') return 'release'
  return state === 'sold' ? 'return' : undefined
}
