const maxTags = 10_000

/**
 * A logical clock of invalidations. The version of some tags is the time at which the youngest of them was invalidated, so
 * it grows as soon as one of them is, and never returns to an earlier value.
 */
export class TagVersions {
  readonly #times = new Map<string, number>()
  #now = 0
  /** The time of every tag that is not in the map. */
  #rest = 0

  of(tags: readonly string[]): number {
    let version = this.#rest
    for (const tag of tags) version = Math.max(version, this.#times.get(tag) ?? 0)
    return version
  }

  bump(tags: readonly string[]): void {
    const time = ++this.#now
    for (const tag of tags) this.#times.set(tag, time)
    if (this.#times.size > maxTags) this.bumpAll()
  }

  /** Invalidates everything, and forgets the tags: this is what bounds their number. */
  bumpAll(): void {
    this.#rest = ++this.#now
    this.#times.clear()
  }
}
