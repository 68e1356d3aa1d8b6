/** The name of an event's type in code and in the database, e.g. `sale`: each is a file of `strategies/`. */
export type EventKind = string

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

/** A line of an event's history. */
export interface Step {
  readonly state: EventState
  /** Why, in one sentence, where the state does not say it all. */
  readonly detail: string | null
  readonly at: Date
}

/** What an event needs to know of itself to answer a signal. */
export interface Progress {
  readonly state: EventState
  /** Attempts begun since it arrived or was retried by hand. */
  readonly attempts: number
  readonly orderId: string | null
  readonly outcome: Outcome | null
  /** When an answer is overdue, or the next attempt is due; null when nothing is expected. */
  readonly dueAt: Date | null
  /** Grows by one with every change; a step has the version that it made. */
  readonly version: number
  readonly updatedAt: Date
  /** When it got its first final state. */
  readonly settledAt: Date | null
}
