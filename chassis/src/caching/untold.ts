/** Tags, or everything when there were too many to remember. */
export type Invalidated = readonly string[] | 'all'

const maxTags = 10_000

/** What others have not been told yet, or have not confirmed; its tags are bounded, because others may be away for long. */
export class Untold {
  readonly #tags = new Set<string>()
  #all = false
  readonly #unconfirmed = new Set<Invalidated>()

  /** Whether one of these tags is among what has not been told, or not been confirmed. */
  concerns(tags: readonly string[]): boolean {
    if (this.#all || tags.some(tag => this.#tags.has(tag))) return true
    for (const batch of this.#unconfirmed) {
      if (batch === 'all' || tags.some(tag => batch.includes(tag))) return true
    }
    return false
  }

  add(invalidated: Invalidated): void {
    if (invalidated === 'all') this.#all = true
    else for (const tag of invalidated) this.#tags.add(tag)
    if (this.#tags.size > maxTags) this.#all = true
    if (this.#all) this.#tags.clear()
  }

  /** How many batches are on their way. */
  get unconfirmed(): number {
    return this.#unconfirmed.size
  }

  /** What is to be told now, if anything. It stays remembered until {@link told}. */
  take(): Invalidated | undefined {
    if (!this.#all && this.#tags.size === 0) return undefined
    const batch = this.#all ? 'all' : [...this.#tags]
    this.#all = false
    this.#tags.clear()
    this.#unconfirmed.add(batch)
    return batch
  }

  told(batch: Invalidated): void {
    this.#unconfirmed.delete(batch)
  }

  /** The batch is to be told once more. */
  failed(batch: Invalidated): void {
    this.#unconfirmed.delete(batch)
    this.add(batch)
  }

  /** Whatever was not confirmed is to be told once more. */
  failedAll(): void {
    for (const batch of this.#unconfirmed) this.failed(batch)
  }
}
