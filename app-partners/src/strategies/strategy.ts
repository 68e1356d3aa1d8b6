import type { PublishOptions, Query, Transaction } from '@feira/chassis'
import type { z } from 'zod'
import type { Outcome } from '../domain/event.ts'

/** An event as its strategy sees it. */
export interface Subject<Data> {
  readonly id: string
  readonly partnerId: string
  readonly data: Data
}

/** What a strategy found out beside an event's data, or why it cannot go on. */
export type Enriched<Facts> =
  | { readonly facts: Facts; readonly orderId?: string }
  /** A rule says no: an answer. */
  | { readonly refused: Outcome }
  /** What it needs may come yet: tried again like a failure. */
  | { readonly missing: Outcome }

/** How events of one type are handled. */
export interface Strategy<Data, Facts> {
  /** In code, in the database and in metrics. Never changes. */
  readonly kind: string
  /** What partners call it. */
  readonly tipo: string
  /** `dados`, checked when an event comes in and at each attempt; its output is its input. */
  readonly data: z.ZodType<Data>
  /** What the data says, however it is written: events with the same `evento_id` must agree in it. */
  meaning(data: Data): unknown
  /** Finds what the command needs, for many events in one statement, in their order. */
  enrich(query: Query, events: readonly Subject<Data>[]): Promise<readonly Enriched<Facts>[]>
  /** Sends the command to whoever obeys it. The same event always makes the same command. */
  send(tx: Pick<Transaction, 'publish'>, event: Subject<Data>, facts: Facts, options: PublishOptions): void
}

/** A strategy in a list: whoever takes it from there gives it only what its own `data` let through. */
export type AnyStrategy = Strategy<unknown, unknown>

export function defineStrategy<Data, Facts>(strategy: Strategy<Data, Facts>): AnyStrategy {
  return strategy
}
