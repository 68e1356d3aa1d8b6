/** What partners tell: a sale, a return, a new stock. On the wire by their Portuguese names. */
export const eventKinds = ['sale', 'return', 'stock-update'] as const
export type EventKind = (typeof eventKinds)[number]

/** Every state of an event, in the order in which a smooth one passes through them. */
export const eventStates = [
  'received',
  'validated',
  'enriched',
  'processed',
  'distributed',
  'completed',
  'refused',
  'retrying',
  'dead',
] as const
export type EventState = (typeof eventStates)[number]

/** What an event came to. */
export interface Outcome {
  /** Stable, e.g. `reserved`, `cancelled`, `price-changed`. */
  readonly code: string
  /** One sentence for people. */
  readonly detail: string
}
