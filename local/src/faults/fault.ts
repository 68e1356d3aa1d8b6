import type { RunningSystem } from './running-system.ts'

/** What its end needs to know. It is written to a file first, so it must survive JSON. */
type Note = Readonly<Record<string, string | number>>

/** Something that goes wrong in a running system, caused from outside. */
export interface Fault {
  /** What is broken, in one line. */
  readonly summary: string
  /** The alerts that watch for it. */
  readonly alerts: readonly string[]
  /** Looks for what is to be broken, and breaks nothing yet. @throws CannotBreak */
  prepare(system: RunningSystem): Promise<Note>
  /** Breaks it, and keeps it broken until the signal aborts. */
  cause(system: RunningSystem, note: Note, signal: AbortSignal): Promise<void>
  /** Makes it whole again; also after the process that broke it was killed, and also twice. */
  mend(system: RunningSystem, note: Note): Promise<void>
}

/** A {@link Fault} whose note has known fields. */
export interface NotedFault<Noted extends Note> extends Omit<Fault, 'prepare' | 'cause' | 'mend'> {
  prepare(system: RunningSystem): Promise<Noted>
  cause(system: RunningSystem, note: Noted, signal: AbortSignal): Promise<void>
  mend(system: RunningSystem, note: Noted): Promise<void>
}

/** Forgets of which kind a fault's note is: it gets back what it has written itself. */
export function fault<Noted extends Note>(noted: NotedFault<Noted>): Fault {
  return noted
}

/** The system does not run, or not in a way that lets this be broken; the message says what to do. */
export class CannotBreak extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CannotBreak'
  }
}

/** Waits for the end of a fault. */
export async function lasts(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
}
