import type { Received, Transaction } from '@feira/chassis'
import type { partnersEvent } from '@feira/contracts/partners'
import type { EventState, Step } from '../domain/event.ts'
import { awaitsAttempt } from '../domain/pipeline.ts'
import type { EventRow } from '../schema.ts'
import { strategyOf } from '../strategies/index.ts'
import type { AnyStrategy, Enriched, Subject } from '../strategies/strategy.ts'
import { leadEvents, lockEvents, type Happening, type Leading } from './lead-events.ts'

type Work = Received<typeof partnersEvent>

/**
 * Leads events from where they wait to distributed, with one statement for all of a kind; those that await no attempt stay
 * as they are.
 */
export async function attemptEvents(tx: Transaction, messages: readonly Work[], leading: Leading): Promise<void> {
  const locked = await lockEvents(
    tx,
    messages.map(({ data }) => data.eventId),
  )
  const waiting = [...locked.values()].filter(({ state }) => awaitsAttempt(state))
  const attempts: Attempt[] = []
  for (const [kind, group] of Map.groupBy(waiting, event => event.kind)) {
    attempts.push(...(await attemptKind(tx, strategyOf(kind), group)))
  }
  const causes = new Map(messages.map(message => [message.data.eventId.toLowerCase(), message]))
  const happenings = attempts.map(({ eventId, signal, send }) => {
    const cause = causes.get(eventId) as Work
    return { eventId, signal, cause, send: () => send?.(cause) }
  })
  await leadEvents(tx, locked, happenings, leading)
}

interface Attempt extends Pick<Happening, 'eventId' | 'signal'> {
  readonly send?: (cause: Work) => void
}

async function attemptKind(tx: Transaction, strategy: AnyStrategy, events: readonly EventRow[]): Promise<Attempt[]> {
  const valid = events.flatMap(event => validSubject(strategy, event))
  const validated = stepTo('validated')
  const enriched = valid.length > 0 ? await strategy.enrich(tx.query, valid) : []
  const found = new Map(valid.map((subject, index) => [subject.id, enriched[index] as Enriched<unknown>]))
  const subjects = new Map(valid.map(subject => [subject.id, subject]))
  return events.map(({ id }) => {
    const subject = subjects.get(id)
    if (!subject) return { eventId: id, signal: { type: 'reject', passed: [], outcome: unusable } }
    const send = (facts: unknown) => (cause: Work) => strategy.send(tx, subject, facts, { cause })
    return goOn(id, validated, found.get(id) as Enriched<unknown>, send)
  })
}

// It was checked when it came in. Since then its partner may have been erased, or the rules may have changed.
const unusable = { code: 'data-invalid', detail: 'Its data is gone, or does not fit any more.' }

function validSubject({ data }: AnyStrategy, { id, partnerId, data: sent }: EventRow): Subject<unknown>[] {
  const parsed = data.safeParse(sent)
  return parsed.success ? [{ id, partnerId, data: parsed.data }] : []
}

function goOn(
  eventId: string,
  validated: Step,
  found: Enriched<unknown>,
  send: (facts: unknown) => (cause: Work) => void,
): Attempt {
  if ('refused' in found) {
    return { eventId, signal: { type: 'reject', passed: [validated], outcome: found.refused } }
  }
  if ('missing' in found) return { eventId, signal: { type: 'fail', passed: [validated], reason: found.missing } }
  const passed = [validated, stepTo('enriched'), stepTo('processed')]
  return {
    eventId,
    signal: { type: 'distribute', passed, orderId: found.orderId ?? null },
    send: send(found.facts),
  }
}

const stepTo = (state: EventState): Step => ({ state, detail: null, at: new Date() })
