import CircuitBreaker from 'opossum'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Resources } from './service.ts'

const allStates = ['closed', 'open', 'half-open'] as const
export type BreakerState = (typeof allStates)[number]

export interface BreakerOptions {
  /** What it is counted as in the metrics, together with others of this kind; default its name. */
  readonly kind?: string
  /** Milliseconds after which a call counts as failed, although it may still be under way; default 10 s. */
  readonly timeout?: number
  /** Milliseconds that it stays open before one call may try again; default 5 s. */
  readonly resetTimeout?: number
  /** How many calls of the last 10 s it takes for judging at all; default 5. */
  readonly minimumCalls?: number
  /** Errors that are an answer (a refused address, say) and so no sign that the other side is down; they count as successes. */
  readonly isAnswer?: (error: unknown) => boolean
}

export interface Breaker<Args extends unknown[], Result> {
  readonly state: BreakerState
  /** @throws BreakerOpen without calling anything; BreakerTimeout; or what the call throws. */
  call(...args: Args): Promise<Result>
  /** Ends its timers and is counted no more; calls are rejected from now on. */
  close(): void
}

/** The other side was not called, because it failed too often a moment ago. */
export class BreakerOpen extends Error {
  /** Milliseconds after which a message may expect its turn, where that is known. */
  readonly wait: number | undefined

  constructor(name: string, wait?: number) {
    super(`${name} fails, so it is not called for a while`)
    this.name = 'BreakerOpen'
    this.wait = wait
  }
}

/** The other side did not answer in time. */
export class BreakerTimeout extends Error {
  constructor(name: string, milliseconds: number) {
    super(`${name} did not answer within ${milliseconds} ms`)
    this.name = 'BreakerTimeout'
  }
}

/**
 * Guards calls to something that may be down: when too many fail it is not called for a while, so that callers fail at once
 * and the other side can recover; then one call tries. Its state is the metric `circuit_breaker_state`.
 * https://martinfowler.com/bliki/CircuitBreaker.html
 * @param name what is called; part of its errors, and a label of the metrics unless it is of a kind.
 */
export function createBreaker<Args extends unknown[], Result>(
  name: string,
  act: (...args: Args) => Promise<Result>,
  { metrics, log }: Pick<Resources, 'metrics' | 'log'>,
  options: BreakerOptions = {},
): Breaker<Args, Result> {
  const { timeout = 10_000, kind = name } = options
  const circuit = createCircuit(act, { ...options, timeout })
  const { states, rejections } = metricsIn(metrics)
  for (const state of allStates) states.inc({ name: kind, state }, 0)
  let closed = false
  const stateOf = follow(circuit, (state, before) => {
    if (closed) return
    if (before !== undefined) states.dec({ name: kind, state: before })
    states.inc({ name: kind, state })
    // Each trial that fails opens it again; of an outage the log tells the beginning and the end.
    if (state === 'open' && before === 'closed') log.warn({ breaker: name }, 'circuit breaker opened')
    if (state === 'closed' && before !== undefined) log.info({ breaker: name }, 'circuit breaker closed')
  })
  rejections.inc({ name: kind }, 0)
  const explain = (error: unknown) => {
    if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) return error
    if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') return new BreakerTimeout(name, timeout)
    rejections.inc({ name: kind })
    return new BreakerOpen(name)
  }
  return {
    get state() {
      return stateOf()
    },
    call: (...args) =>
      circuit.fire(...args).catch((error: unknown) => {
        throw explain(error)
      }),
    close() {
      circuit.shutdown()
      if (!closed) states.dec({ name: kind, state: stateOf() })
      closed = true
    },
  }
}

function createCircuit<Args extends unknown[], Result>(
  act: (...args: Args) => Promise<Result>,
  { timeout, resetTimeout = 5_000, minimumCalls = 5, isAnswer }: BreakerOptions & { readonly timeout: number },
): CircuitBreaker<Args, Result> {
  return new CircuitBreaker(act, {
    timeout,
    resetTimeout,
    volumeThreshold: minimumCalls,
    // It opens above this percentage, not at it.
    errorThresholdPercentage: 49.999,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    ...(isAnswer ? { errorFilter: isAnswer } : {}),
  })
}

/** Calls back with the state that a circuit has, and with each change of it. @returns what tells the present one. */
function follow(
  circuit: Pick<CircuitBreaker, 'on'>,
  onState: (state: BreakerState, before: BreakerState | undefined) => void,
): () => BreakerState {
  let state: BreakerState = 'closed'
  const become = (next: BreakerState) => () => {
    onState(next, state)
    state = next
  }
  onState(state, undefined)
  circuit.on('open', become('open'))
  circuit.on('halfOpen', become('half-open'))
  circuit.on('close', become('closed'))
  return () => state
}

// All breakers of a service share them.
function metricsIn(registry: Registry) {
  const registers = [registry]
  const states = registry.getSingleMetric('circuit_breaker_state') as Gauge | undefined
  const rejections = registry.getSingleMetric('circuit_breaker_rejections_total') as Counter | undefined
  return {
    states:
      states ??
      new Gauge({
        name: 'circuit_breaker_state',
        help: 'Circuit breakers in each state (closed, open, half-open); of most names there is one.',
        labelNames: ['name', 'state'],
        registers,
      }),
    rejections:
      rejections ??
      new Counter({
        name: 'circuit_breaker_rejections_total',
        help: 'Calls that a circuit breaker did not let through.',
        labelNames: ['name'],
        registers,
      }),
  }
}
