/** `wrong`: somebody has to act. `warning`: worth a look. `unknown`: it could not be looked at. */
export type Verdict = 'ok' | 'warning' | 'wrong' | 'unknown'

/** What one check found, in words. */
export interface Finding {
  /** What was looked at: a service, or a part of the system. */
  readonly check: string
  readonly verdict: Verdict
  readonly says: string
  /** What to do about it. */
  readonly remedy?: string
}

export const ok = (check: string, says: string): Finding => ({ check, verdict: 'ok', says })

/** A finding that is not well, with what to do about it. */
export function trouble(verdict: Exclude<Verdict, 'ok'>, check: string, says: string, remedy?: string): Finding {
  return { check, verdict, says, ...(remedy === undefined ? {} : { remedy }) }
}

/** The exit code that tells a script: 0 all is well, 1 something is wrong, 2 nothing is but not all could be looked at. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === 'wrong')) return 1
  return findings.some(({ verdict }) => verdict === 'unknown') ? 2 : 0
}
