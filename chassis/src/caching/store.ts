/** What a store knows of a key. */
export interface Look {
  /** Differs from every earlier one of these tags as soon as one of them was invalidated. */
  readonly version: string | number
  /** What was kept under the key at this very version. */
  readonly value?: string | undefined
}

/** Where cached answers are kept, as JSON. No method rejects: a store that fails is a store that knows nothing. */
export interface Store {
  /** `undefined` while the store cannot know whether what it keeps is still true; then nothing may be kept either. */
  look(key: string, tags: readonly string[]): Look | undefined | Promise<Look | undefined>
  /** Keeps what was loaded after `version` was looked up; a value whose tags were invalidated since is never found again. */
  keep(key: string, tags: readonly string[], version: Look['version'], value: string): void
  /** From the moment it resolves, nobody finds what was kept with these tags; see each store for replicas. */
  invalidate(tags: readonly string[]): void | Promise<void>
  /** Whether it is about to keep values; `false` once it does, or is known to be unable to. */
  readonly starting: boolean
  close(): Promise<void>
}

/** Longer values are not worth their room, characters. */
export const maxValueLength = 512 * 1_024
