import type { Cause, Transaction } from '@feira/chassis'
import type { Signal } from '../domain/pipeline.ts'
import { leadEvents, lockEvents, type Leading } from './lead-events.ts'

/** What a message says about an event. */
export interface Answer {
  readonly eventId: string
  readonly signal: Signal
}

/** Leads the events on that messages answer, each by what its message says; most messages answer none. */
export async function receiveAnswers<M extends Cause>(
  tx: Transaction,
  messages: readonly M[],
  answersIn: (message: M) => readonly Answer[],
  leading: Leading,
): Promise<void> {
  const happenings = messages.flatMap(message =>
    answersIn(message).map(({ eventId, signal }) => ({ eventId: eventId.toLowerCase(), signal, cause: message })),
  )
  if (happenings.length === 0) return
  const locked = await lockEvents(
    tx,
    happenings.map(({ eventId }) => eventId),
  )
  await leadEvents(tx, locked, happenings, leading)
}

/** An answer that says it is done. */
export function done(code: string, detail: string, orderId: string | null = null): Signal {
  return { type: 'answer', accepted: true, outcome: { code, detail }, orderId }
}

/** An answer by which a rule says no. */
export function refused(code: string, detail: string, orderId: string | null = null): Signal {
  return { type: 'answer', accepted: false, outcome: { code, detail }, orderId }
}
