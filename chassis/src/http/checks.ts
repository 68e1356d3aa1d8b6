import type { FastifyBaseLogger } from 'fastify'
import { Rejection } from '../rejection.ts'
import { TimeLimitExceeded, within } from '../time-limit.ts'

/** Rejects while the thing it checks cannot be used. */
export type Check = () => Promise<void>
export type Checks = Readonly<Record<string, Check>>

export interface Condition {
  readonly status: 'up' | 'down'
  readonly latencyMs: number
  readonly reason?: string
}
export type Conditions = Readonly<Record<string, Condition>>

const timeoutMs = 2_000
/** A failure is looked at again sooner: whoever waits for readiness waits for its end. */
const freshForMs = { up: 1_000, down: 100 }

/**
 * Runs all checks at once, each for at most 2 s. Probes that ask soon after one another share one run, so they cannot be used to
 * hammer what is checked. A change of condition is logged.
 */
export function createChecks(checks: Checks, log: FastifyBaseLogger): () => Promise<Conditions> {
  const down = new Set<string>()
  let shared: Promise<Conditions> | undefined
  let freshUntil = 0

  async function look(name: string, check: Check): Promise<readonly [string, Condition]> {
    const startedAt = performance.now()
    const error = await outcome(check)
    const latencyMs = Math.round(performance.now() - startedAt)
    noteChange(name, error)
    return [name, error ? { status: 'down', latencyMs, reason: reasonOf(error) } : { status: 'up', latencyMs }]
  }

  function noteChange(name: string, error: Error | undefined): void {
    if (error && !down.has(name)) log.warn({ err: error, dependency: name }, `${name} is not available`)
    if (!error && down.delete(name)) log.info({ dependency: name }, `${name} is available again`)
    if (error) down.add(name)
  }

  async function lookAtAll(): Promise<Conditions> {
    const conditions = await Promise.all(Object.entries(checks).map(([name, check]) => look(name, check)))
    freshUntil = performance.now() + (down.size > 0 ? freshForMs.down : freshForMs.up)
    return Object.fromEntries(conditions)
  }

  return () => {
    if (!shared || performance.now() > freshUntil) {
      freshUntil = Infinity
      shared = lookAtAll()
    }
    return shared
  }
}

async function outcome(check: Check): Promise<Error | undefined> {
  try {
    await within(timeoutMs, check)
    return undefined
  } catch (error) {
    if (error instanceof TimeLimitExceeded) return new Rejection('timeout', 503, `no answer within ${timeoutMs} ms`)
    return error instanceof Error ? error : new Error(String(error))
  }
}

// Probes are public: a driver's message may name hosts and users, what we worded ourselves does not.
function reasonOf(error: Error): string {
  return error instanceof Rejection ? error.message : 'not available'
}
