/** Tags, or everything when there were too many to remember. */
export type Invalidated = readonly string[] | 'all'

const maxTags = 10_000
const maxUnconfirmed = 100

/** What others have not been told yet, or have not confirmed; bounded, because they may be away for long. */
export class Untold {
  readonly #tags = new Set<string>()
  #all = false
  readonly #unconfirmed = new Set<Invalidated>()

  get isEmpty(): boolean {
    return !this.#all && this.#tags.size === 0 && this.#unconfirmed.size === 0
  }

  add(invalidated: Invalidated): void {
    if (invalidated === 'all') this.#all = true
    else for (const tag of invalidated) this.#tags.add(tag)
    if (this.#tags.size > maxTags) this.#all = true
    if (this.#all) this.#tags.clear()
  }

  /** What is to be told now; `undefined` when there is nothing, or too much is on its way already. It stays remembered until {@link told}. */
  take(): Invalidated | undefined {
    if (!this.#all && this.#tags.size === 0) return undefined
    if (this.#unconfirmed.size >= maxUnconfirmed) return undefined
    const batch = this.#all ? 'all' : [...this.#tags]
    this.#all = false
    this.#tags.clear()
    this.#unconfirmed.add(batch)
    return batch
  }

  told(batch: Invalidated): void {
    this.#unconfirmed.delete(batch)
  }

  /** What was not confirmed is to be told once more. */
  tellAgain(): void {
    const batches = [...this.#unconfirmed]
    this.#unconfirmed.clear()
    for (const batch of batches) this.add(batch)
  }
}
