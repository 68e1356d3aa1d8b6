import { currentTrace, type Cause, type Resources, type Transaction } from '@feira/chassis'
import { partnersEvent } from '@feira/contracts/partners'
import { asc, sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import { advance, type Effect, type Signal } from '../domain/pipeline.ts'
import { events, type EventRow } from '../schema.ts'
import { tellPartner } from '../webhooks/tell-partner.ts'
import { storeEvents, type Change, type StepOf } from './store-events.ts'

/** A signal for an event. */
export interface Happening {
  readonly eventId: string
  readonly signal: Signal
  /** The message that brought it; the messages it leads to name it. */
  readonly cause?: Cause
  /** Publishes the command that the attempt made. */
  readonly send?: () => void
}

/** What leading an event on needs of the service. */
export type Leading = Pick<Resources<Config>, 'config' | 'log'>

/** Locks events until the transaction ends, in the order of their ids, so that nobody waits in a circle. */
export async function lockEvents({ db }: Transaction, ids: readonly string[]): Promise<Map<string, EventRow>> {
  const rows = await db
    .select()
    .from(events)
    .where(sql`${events.id} = any(${sql.placeholder('ids')}::uuid[])`)
    .orderBy(asc(events.id))
    .for('update')
    .prepare('lock-events')
    .execute({ ids: [...new Set(ids)] })
  return new Map(rows.map(row => [row.id, row]))
}

/**
 * Leads events on by signals, one after the other, notes their steps, and does what comes of it: sends commands, begins
 * attempts, tells partners.
 * @param locked the events by id, locked by this transaction; they are replaced by what they have become.
 * @throws Error when one of the events is not there. A signal that an event refuses changes nothing.
 */
export async function leadEvents(
  tx: Transaction,
  locked: Map<string, EventRow>,
  happenings: readonly Happening[],
  { config, log }: Leading,
): Promise<void> {
  const before = new Map(locked)
  const steps: StepOf[] = []
  const toDo: (() => void)[] = []
  const ended = new Map<string, EventRow & { cause?: Cause }>()
  for (const happening of happenings) {
    const led = follow(locked, happening, config)
    locked.set(led.event.id, led.event)
    steps.push(...led.steps)
    for (const effect of led.effects) {
      if (effect === 'tell') ended.set(led.event.id, { ...led.event, ...causeOf(happening) })
      else toDo.push(() => carryOut(tx, effect, led.event, happening))
    }
  }
  await storeEvents(tx, changesBetween(before, locked), steps)
  await tellPartner(tx, [...ended.values()])
  // Last: what is published cannot be taken back when a statement fails.
  for (const work of toDo) work()
  for (const event of ended.values()) tx.afterCommit(logEnd(log, event))
}

function follow(locked: ReadonlyMap<string, EventRow>, { eventId, signal }: Happening, config: Config) {
  const known = locked.get(eventId)
  if (!known) throw new Error(`There is no event ${eventId}.`)
  const policy = { retryDelays: config.PARTNER_RETRY_DELAYS, answerTimeout: config.PARTNER_ANSWER_TIMEOUT }
  const advanced = advance(known, signal, new Date(), policy)
  if (advanced.refused !== undefined) return { event: known, steps: [], effects: [] }
  const { event, steps, effects } = advanced
  const first = event.version - steps.length + 1
  return { event, effects, steps: steps.map((step, index) => ({ ...step, eventId, number: first + index })) }
}

function carryOut(tx: Transaction, effect: Exclude<Effect, 'tell'>, event: EventRow, happening: Happening): void {
  if (effect === 'send') happening.send?.()
  else tx.publish(partnersEvent, { eventId: event.id, partnerId: event.partnerId }, causeOf(happening))
}

// In the trace of the message that led to it: a transaction for many messages belongs to none of theirs.
function logEnd(log: Leading['log'], event: EventRow & { readonly cause?: Cause }): () => void {
  const { id: eventId, partnerId, kind: eventType, state, outcome, receivedAt, updatedAt, cause } = event
  const processingTime = updatedAt.getTime() - receivedAt.getTime()
  const traceId = (cause?.trace ?? currentTrace())?.traceId
  const fields = { eventId, partnerId, eventType, code: outcome?.code, processingTime, traceId }
  return () => log.info(fields, `event ${state}`)
}

function causeOf({ cause }: Happening): { cause?: Cause } {
  return cause ? { cause } : {}
}

function changesBetween(before: ReadonlyMap<string, EventRow>, after: ReadonlyMap<string, EventRow>): Change[] {
  return [...before.values()]
    .map(was => ({ before: was, after: after.get(was.id) ?? was }))
    .filter(change => change.before !== change.after)
}
