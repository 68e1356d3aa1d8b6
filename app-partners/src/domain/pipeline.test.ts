import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventStates, type EventState, type Progress } from './event.ts'
import { advance, awaitsAttempt, pipeline, restingStates, type Signal, type SignalType } from './pipeline.ts'

const policy = { retryDelays: [1_000, 4_000, 16_000], answerTimeout: 60_000 }
const arrival = new Date('2026-11-22T12:00:00.000Z')
const after = (milliseconds: number) => new Date(arrival.getTime() + milliseconds)
const outcome = { code: 'why', detail: 'Because.' }
const orderId = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4d'
const passed = (['validated', 'enriched', 'processed'] as const).map(state => ({ state, detail: null, at: arrival }))

const received: Progress = {
  state: 'received',
  attempts: 0,
  orderId: null,
  outcome: null,
  dueAt: null,
  version: 1,
  updatedAt: arrival,
  settledAt: null,
}

function eventIn(state: EventState, changes: Partial<Progress> = {}): Progress {
  const attempts = state === 'received' ? 0 : state === 'dead' ? 4 : 1
  const ended = state === 'completed' || state === 'refused' || state === 'dead'
  return {
    ...received,
    state,
    attempts,
    outcome: ended ? outcome : null,
    settledAt: ended ? arrival : null,
    ...changes,
  }
}

const samples: Record<SignalType, Signal> = {
  distribute: { type: 'distribute', passed, orderId: null },
  reject: { type: 'reject', passed: passed.slice(0, 1), outcome },
  fail: { type: 'fail', passed: [], reason: outcome },
  abandon: { type: 'abandon', reason: outcome },
  due: { type: 'due' },
  'order-known': { type: 'order-known', orderId },
  answer: { type: 'answer', accepted: true, outcome, orderId },
  retry: { type: 'retry' },
}
const denial: Signal = { type: 'answer', accepted: false, outcome, orderId: null }

function becomes(state: EventState, signal: Signal): string {
  const event = eventIn(state)
  const led = advance(event, signal, arrival, policy)
  if (led.refused !== undefined) return 'refused it'
  return led.event === event ? '=' : led.event.state
}

// prettier-ignore
test.each<[string, Signal, string[]]>([
  //                                           received       retrying       distributed  completed    refused      dead
  ['distribute',       samples.distribute,     ['distributed', 'distributed', '=',         '=',         '=',         '='        ]],
  ['reject',           samples.reject,         ['refused',     'refused',     '=',         '=',         '=',         '='        ]],
  ['fail',             samples.fail,           ['retrying',    'retrying',    '=',         '=',         '=',         '='        ]],
  ['abandon',          samples.abandon,        ['dead',        'dead',        '=',         '=',         '=',         '='        ]],
  ['due',              samples.due,            ['=',           'retrying',    'retrying',  '=',         '=',         '='        ]],
  ['order-known',      samples['order-known'], ['received',    'retrying',    'distributed', 'completed', 'refused', 'dead'     ]],
  ['a yes',            samples.answer,         ['completed',   'completed',   'completed', '=',         '=',         'completed']],
  ['a no',             denial,                 ['refused',     'refused',     'refused',   '=',         '=',         'refused'  ]],
  ['retry',            samples.retry,          ['refused it',  'refused it',  'refused it', 'refused it', 'refused it', 'retrying']],
])('%s in each state', (_name, signal, expected) => {
  expect(restingStates.map(state => becomes(state, signal))).toEqual(expected)
})

test('the table knows every signal, and every state in which an event can be found', () => {
  expect(Object.keys(pipeline).toSorted()).toEqual(Object.keys(samples).toSorted())
  for (const row of Object.values(pipeline)) expect(Object.keys(row)).toEqual(restingStates)
  expect(eventStates.filter(awaitsAttempt)).toEqual(['received', 'retrying'])
})

test('a refused retry names the state', () => {
  expect(advance(eventIn('completed'), samples.retry, arrival, policy)).toEqual({ refused: 'completed' })
})

describe('an attempt', () => {
  test('passes every step, sends the command and waits for its answer', () => {
    const led = advance(received, samples.distribute, after(5), policy)
    if (led.refused !== undefined) throw new Error('refused')
    expect(led.steps.map(({ state }) => state)).toEqual(['validated', 'enriched', 'processed', 'distributed'])
    expect(led.effects).toEqual(['send'])
    expect(led.event).toMatchObject({ state: 'distributed', attempts: 1, version: 5, dueAt: after(60_005) })
  })

  test('that a rule stops ends there, and the partner is told', () => {
    const led = advance(received, samples.reject, after(5), policy)
    expect(led).toMatchObject({
      effects: ['tell'],
      steps: [{ state: 'validated' }, { state: 'refused', detail: 'Because.' }],
      event: { state: 'refused', outcome, settledAt: after(5), version: 3 },
    })
  })

  test.each([
    ['fails', samples.fail, received],
    ['gets no answer', samples.due, eventIn('distributed', { attempts: 0 })],
  ])('that %s is repeated after 1, 4 and 16 s, then the event is dead', (_what, failure, first) => {
    let event = first
    const pauses: (number | null)[] = []
    for (let attempt = 1; attempt <= 4; attempt++) {
      const begun = { ...event, attempts: failure.type === 'due' ? attempt : event.attempts, state: first.state }
      const led = advance(begun, failure, arrival, policy)
      if (led.refused !== undefined) throw new Error('refused')
      event = led.event
      pauses.push(event.dueAt && event.dueAt.getTime() - arrival.getTime())
      expect(led.effects).toEqual(attempt === 4 ? ['tell'] : [])
    }
    expect(pauses).toEqual([1_000, 4_000, 16_000, null])
    expect(event).toMatchObject({ state: 'dead', attempts: 4 })
  })
})

test('a dead event that is retried begins anew, and keeps when it first ended', () => {
  const led = advance(eventIn('dead'), samples.retry, after(9), policy)
  expect(led).toMatchObject({
    event: { state: 'retrying', attempts: 0, outcome: null, settledAt: arrival },
    effects: ['attempt'],
  })
})

test('the first order id stays', () => {
  const known = eventIn('distributed', { orderId })
  const other = '01936f3e-8a5c-7c1e-9b3a-51d21b2a3c4e'
  const led = advance(known, { ...samples['order-known'], orderId: other } as Signal, arrival, policy)
  expect(led).toEqual({ event: known, steps: [], effects: [] })
})

/** The changes of state that may ever happen. */
const legal: Readonly<Record<string, readonly EventState[]>> = {
  received: ['validated', 'retrying', 'completed', 'refused', 'dead'],
  validated: ['enriched', 'retrying', 'refused', 'dead'],
  enriched: ['processed'],
  processed: ['distributed'],
  distributed: ['completed', 'refused', 'retrying', 'dead'],
  retrying: ['validated', 'retrying', 'completed', 'refused', 'dead'],
  dead: ['completed', 'refused', 'retrying'],
  completed: [],
  refused: [],
}

const anySignal = fc.constantFrom<Signal>(
  ...Object.values(samples),
  denial,
  { ...samples.reject, passed: [] } as Signal,
  { ...samples.fail, passed: passed.slice(0, 1) } as Signal,
)

test('random signals, repeated and in any order, take only legal steps, and every version is accounted for', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 40 }), signals => {
      let event = received
      const path: EventState[] = [event.state]
      for (const signal of signals) {
        const led = advance(event, signal, arrival, policy)
        if (led.refused !== undefined) continue
        path.push(...led.steps.map(({ state }) => state))
        const changes = led.event === event ? 0 : Math.max(1, led.steps.length)
        expect(led.event.version).toBe(event.version + changes)
        expect(led.steps.at(-1)?.state ?? event.state).toBe(led.event.state)
        event = led.event
        const ended = ['completed', 'refused', 'dead'].includes(event.state)
        expect(event.outcome !== null).toBe(ended)
        expect(event.dueAt !== null && (ended || event.state === 'received')).toBe(false)
        expect(event.attempts).toBeLessThanOrEqual(policy.retryDelays.length + 1)
        expect(led.effects.includes('tell')).toBe(led.steps.length > 0 && ended)
      }
      const steps = path.slice(1).map((to, index) => ({ from: path[index] as EventState, to }))
      expect(steps.filter(({ from, to }) => !legal[from]?.includes(to))).toEqual([])
    }),
  )
})
