import type { EventState, Outcome, Progress, Step } from './event.ts'

/** What can happen to an event once it is received. */
export type Signal =
  /** An attempt went through: its command leaves. */
  | { readonly type: 'distribute'; readonly passed: readonly Step[]; readonly orderId: string | null }
  /** An attempt met a rule that says no. */
  | { readonly type: 'reject'; readonly passed: readonly Step[]; readonly outcome: Outcome }
  /** An attempt failed, or has to wait. */
  | { readonly type: 'fail'; readonly passed: readonly Step[]; readonly reason: Outcome }
  /** The order to make an attempt was lost: it could not be carried out, and not even that could be noted. */
  | { readonly type: 'abandon'; readonly reason: Outcome }
  /** The time for the next attempt, or for an answer, is over. */
  | { readonly type: 'due' }
  /** The order that it placed is known, though not yet what becomes of it. */
  | { readonly type: 'order-known'; readonly orderId: string }
  /** Whoever obeyed the command says that it is done, or that a rule says no. */
  | { readonly type: 'answer'; readonly accepted: boolean; readonly outcome: Outcome; readonly orderId: string | null }
  /** Somebody asks for another round of attempts. */
  | { readonly type: 'retry' }

export type SignalType = Signal['type']

/** How an event is led on; milliseconds. */
export interface Policy {
  /** Pauses before the second attempt, the third, …; after the last the event is dead. */
  readonly retryDelays: readonly number[]
  /** How long an answer may take. */
  readonly answerTimeout: number
}

/** What has to be done because of a signal. */
export type Effect =
  /** Send the command that the attempt made. */
  | 'send'
  /** Begin the next attempt. */
  | 'attempt'
  /** Tell the partner what became of it. */
  | 'tell'

export type Advance<Event extends Progress> =
  | {
      readonly event: Event
      readonly steps: readonly Step[]
      readonly effects: readonly Effect[]
      readonly refused?: undefined
    }
  | { readonly refused: EventState }

type Reaction = 'ignore' | 'refuse' | 'send' | 'end' | 'try-later' | 'try-now' | 'overdue' | 'note' | 'begin-anew'
type Row = Readonly<Record<RestingState, Reaction>>

/** In which an event can be found: the others are passed through within an attempt. */
export const restingStates = ['received', 'retrying', 'distributed', 'completed', 'refused', 'dead'] as const
type RestingState = (typeof restingStates)[number]

function row(...reactions: [Reaction, Reaction, Reaction, Reaction, Reaction, Reaction]): Row {
  const [received, retrying, distributed, completed, refused, dead] = reactions
  return { received, retrying, distributed, completed, refused, dead }
}

/** What each signal does in each state. An answer wins whenever it comes, and the first of two stays. */
// prettier-ignore
export const pipeline: Readonly<Record<SignalType, Row>> = {
  //                   received     retrying     distributed  completed    refused      dead
  'distribute':    row('send',      'send',      'ignore',    'ignore',    'ignore',    'ignore'    ),
  'reject':        row('end',       'end',       'ignore',    'ignore',    'ignore',    'ignore'    ),
  'fail':          row('try-later', 'try-later', 'ignore',    'ignore',    'ignore',    'ignore'    ),
  'abandon':       row('end',       'end',       'ignore',    'ignore',    'ignore',    'ignore'    ),
  'due':           row('ignore',    'try-now',   'overdue',   'ignore',    'ignore',    'ignore'    ),
  'order-known':   row('note',      'note',      'note',      'note',      'note',      'note'      ),
  'answer':        row('end',       'end',       'end',       'ignore',    'ignore',    'end'       ),
  'retry':         row('refuse',    'refuse',    'refuse',    'refuse',    'refuse',    'begin-anew'),
}

/** Why an attempt failed that met no rule; what exactly went wrong is for the log alone. */
export const internalError: Outcome = { code: 'internal-error', detail: 'Something went wrong here; it was logged.' }

/** Whether an event in this state lets an attempt begin. */
export function awaitsAttempt(state: EventState): boolean {
  return pipeline.distribute[state as RestingState] === 'send'
}

/**
 * Leads an event on by one signal. Signals may come in any order and any number of times.
 * @returns the event as it is then (the very same where nothing changes), the steps that it took and what has to be done
 * because of it; or the state that refuses the signal.
 */
export function advance<Event extends Progress>(
  event: Event,
  signal: Signal,
  at: Date,
  policy: Policy,
): Advance<Event> {
  const reaction = pipeline[signal.type][event.state as RestingState]
  switch (reaction) {
    case 'ignore':
      return unchanged(event)
    case 'refuse':
      return { refused: event.state }
    case 'note':
      return note(event, signal, at)
    case 'try-now':
      return { event: changed(event, { dueAt: null }, [], at), steps: [], effects: ['attempt'] }
    case 'begin-anew':
      return begin(event, at)
    case 'overdue':
      return tryLater(event, noAnswer(policy), [], at, policy)
    default:
      return conclude(attempted(event, signal), signal, at, policy)
  }
}

// Only an attempt that an event lets happen counts as one.
function attempted<Event extends Progress>(event: Event, signal: Signal): Event {
  return 'passed' in signal ? { ...event, attempts: event.attempts + 1 } : event
}

function conclude<Event extends Progress>(event: Event, signal: Signal, at: Date, policy: Policy): Advance<Event> {
  switch (signal.type) {
    case 'distribute': {
      const steps = [...signal.passed, step('distributed', null, at)]
      const dueAt = new Date(at.getTime() + policy.answerTimeout)
      const progress = { state: 'distributed', dueAt, orderId: event.orderId ?? signal.orderId } as const
      return { event: changed(event, progress, steps, at), steps, effects: ['send'] }
    }
    case 'fail':
      return tryLater(event, signal.reason, signal.passed, at, policy)
    case 'abandon':
      return end(event, 'dead', signal.reason, [], at)
    case 'reject':
      return end(event, 'refused', signal.outcome, signal.passed, at)
    case 'answer': {
      const known = { ...event, orderId: event.orderId ?? signal.orderId }
      return end(known, signal.accepted ? 'completed' : 'refused', signal.outcome, [], at)
    }
    default:
      return unchanged(event)
  }
}

function tryLater<Event extends Progress>(
  event: Event,
  reason: Outcome,
  passed: readonly Step[],
  at: Date,
  { retryDelays }: Policy,
): Advance<Event> {
  const delay = retryDelays[event.attempts - 1]
  if (delay === undefined) return end(event, 'dead', reason, passed, at)
  const steps = [...passed, step('retrying', reason.detail, at)]
  const dueAt = new Date(at.getTime() + delay)
  return { event: changed(event, { state: 'retrying', dueAt }, steps, at), steps, effects: [] }
}

function end<Event extends Progress>(
  event: Event,
  state: 'completed' | 'refused' | 'dead',
  outcome: Outcome,
  passed: readonly Step[],
  at: Date,
): Advance<Event> {
  const steps = [...passed, step(state, outcome.detail, at)]
  const progress = { state, outcome, dueAt: null, settledAt: event.settledAt ?? at }
  return { event: changed(event, progress, steps, at), steps, effects: ['tell'] }
}

function begin<Event extends Progress>(event: Event, at: Date): Advance<Event> {
  const steps = [step('retrying', 'Asked for by hand.', at)]
  const progress = { state: 'retrying', attempts: 0, outcome: null, dueAt: null } as const
  return { event: changed(event, progress, steps, at), steps, effects: ['attempt'] }
}

function note<Event extends Progress>(event: Event, signal: Signal, at: Date): Advance<Event> {
  if (event.orderId !== null || signal.type !== 'order-known') return unchanged(event)
  return { event: changed(event, { orderId: signal.orderId }, [], at), steps: [], effects: [] }
}

function unchanged<Event extends Progress>(event: Event): Advance<Event> {
  return { event, steps: [], effects: [] }
}

// What changes without a step, such as its order's id, is a version too: a reader would not see it otherwise.
function changed<Event extends Progress>(
  event: Event,
  progress: Partial<Progress>,
  steps: readonly Step[],
  at: Date,
): Event {
  return { ...event, ...progress, version: event.version + Math.max(1, steps.length), updatedAt: at }
}

const step = (state: EventState, detail: string | null, at: Date): Step => ({ state, detail, at })

function noAnswer({ answerTimeout }: Policy): Outcome {
  return { code: 'no-answer', detail: `Nobody answered within ${answerTimeout / 1_000} s.` }
}
