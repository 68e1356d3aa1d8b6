import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './telemetry/log.ts'

/** Closes one part of the service, in at most `milliseconds`. */
export type Close = (milliseconds: number) => Promise<unknown>

export interface Shutdown {
  /** True from the first moment of a graceful stop. */
  readonly started: boolean
  /** Adds what has been opened; parts of an earlier phase close first, those of one phase together. */
  add(phase: Phase, what: string, close: Close): void
  /**
   * Closes everything, within the time given; does so once however often it is called. Never rejects.
   * @param delay milliseconds of that time in which everything goes on: who sends requests has yet to learn of the stop
   */
  run(delay?: number): Promise<void>
}

/**
 * `intake`: nothing new comes in and what is in flight finishes. `relay`: what that left in the outbox may still leave.
 * Then the connections, then what reports on all this.
 */
const phases = ['intake', 'relay', 'connections', 'reports'] as const
export type Phase = (typeof phases)[number]

/** The share of the time that the phases after a phase keep for themselves, in milliseconds at most. */
const reserve = 1_000
/** What the last phase may take at most: nobody should wait for spans that a collector which is away cannot take. */
const reportTime = 2_000

/** @param timeout milliseconds for all of it */
export function createShutdown(timeout: number, log: Logger): Shutdown {
  const parts: { readonly phase: Phase; readonly what: string; readonly close: Close }[] = []
  let running: Promise<void> | undefined

  const closePhase = async (phase: Phase, milliseconds: number) => {
    const closing = parts
      .filter(part => part.phase === phase)
      .map(({ what, close }) => closeWithin(milliseconds, what, close, log))
    await Promise.all(closing)
  }
  const closeAll = async (delay: number) => {
    log.info('stopping')
    const deadline = performance.now() + timeout
    await sleep(delay)
    for (const phase of phases) {
      const left = deadline - performance.now()
      const share = phase === 'reports' ? Math.min(left, reportTime) : left - Math.min(reserve, left / 4)
      await closePhase(phase, Math.max(0, share))
    }
    log.info('stopped')
    log.flush()
  }
  return {
    get started() {
      return running !== undefined
    },
    add: (phase, what, close) => void parts.push({ phase, what, close }),
    run: (delay = 0) => (running ??= closeAll(delay)),
  }
}

async function closeWithin(milliseconds: number, what: string, close: Close, log: Logger): Promise<void> {
  const tooLate = new AbortController()
  const late = sleep(milliseconds, 'late' as const, { signal: tooLate.signal }).catch(() => undefined)
  try {
    if ((await Promise.race([close(milliseconds), late])) === 'late') log.warn({ what }, 'did not close in time')
  } catch (error) {
    log.warn({ what, err: error }, 'did not close well')
  } finally {
    tooLate.abort()
  }
}
