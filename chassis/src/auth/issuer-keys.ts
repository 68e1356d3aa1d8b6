import { setTimeout as sleep } from 'node:timers/promises'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, type LocalJWKSet } from 'jose'
import type { FastifyBaseLogger } from 'fastify'
import { fetchKeySet } from './key-set.ts'
import type { KeptKeys } from './kept-keys.ts'
import { tokenRefusals } from './token-refusals.ts'

export interface IssuerKeysOptions {
  readonly url: string
  readonly kept: KeptKeys
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'info'>
  /** The set of keys became another one; what was verified with the old one must be verified again. */
  readonly onChange: () => void
  readonly pauses?: Partial<Pauses>
}

/** Milliseconds. */
interface Pauses {
  /** Between two fetches in the background, give or take a tenth. */
  readonly refresh: number
  /** Between two fetches for a key that is not in the set. */
  readonly unknownKey: number
  /** After a fetch that failed; doubled with each failure up to `refresh`. */
  readonly retry: number
  /** Until a fetch counts as failed. */
  readonly timeout: number
}

const defaultPauses: Pauses = { refresh: 300_000, unknownKey: 30_000, retry: 1_000, timeout: 3_000 }
/** A service that starts beside its issuer need not complain that it is a moment earlier. */
const failuresWorthALine = 4

/**
 * The public keys of the token issuer: fetched in the background, kept in the database, fetched again for a key that is
 * not among them. There is never more than one fetch on its way.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  readonly #pauses: Pauses
  readonly #stopped = new AbortController()
  #set: LocalJWKSet | undefined
  #text = ''
  #fetching: Promise<void> | undefined
  #restoring: Promise<void> | undefined
  #failures = 0
  #failedAt = -Infinity
  #searchedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(options: IssuerKeysOptions) {
    this.#options = options
    this.#pauses = { ...defaultPauses, ...options.pauses }
  }

  /** Reads the kept keys and begins to fetch newer ones, without waiting for either. */
  start(): void {
    this.#restoring ??= this.#restore()
    void this.#fetch()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    await Promise.all([this.#fetching, this.#restoring])
  }

  /**
   * The key that a token says it was signed with.
   * @throws Rejection 503 when no key was ever seen and the issuer does not answer; JWKSNoMatchingKey.
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const set = this.#set ?? (await this.#first())
    try {
      return await set(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#maySearch()) throw error
      await this.#fetch()
      return (this.#set ?? set)(header, token)
    }
  }

  async #first(): Promise<LocalJWKSet> {
    await (this.#restoring ??= this.#restore())
    // Whoever starts beside its issuer may be a moment earlier; a request waits for the next attempt, at most one pause.
    if (!this.#set && !this.#mayRetry()) await sleep(this.#failedAt + this.#pauses.retry - performance.now())
    if (!this.#set) await this.#fetch()
    if (!this.#set) throw tokenRefusals.issuerUnavailable()
    return this.#set
  }

  /** Whoever makes up key names must not make the service ask its issuer each time. */
  #maySearch(): boolean {
    if (this.#fetching) return true
    if (!this.#mayRetry() || performance.now() < this.#searchedAt + this.#pauses.unknownKey) return false
    this.#searchedAt = performance.now()
    return true
  }

  #mayRetry(): boolean {
    return this.#fetching !== undefined || performance.now() >= this.#failedAt + this.#pauses.retry
  }

  /** Never rejects. */
  #fetch(): Promise<void> {
    clearTimeout(this.#timer)
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined
      this.#schedule()
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(this.#pauses.timeout)])
      const keySet = await fetchKeySet(this.#options.url, signal)
      await this.#restoring
      this.#use(keySet)
      this.#succeeded()
      await this.#options.kept.write(keySet).catch((error: unknown) => this.#complain(error, 'keep'))
    } catch (error) {
      this.#failed(error)
    }
  }

  async #restore(): Promise<void> {
    try {
      const keySet = await this.#options.kept.read()
      if (keySet && !this.#set) this.#use(keySet)
    } catch (error) {
      this.#complain(error, 'read the kept')
    }
  }

  #use(keySet: JSONWebKeySet): void {
    const text = JSON.stringify(keySet)
    if (text === this.#text) return
    this.#set = createLocalJWKSet(keySet)
    this.#text = text
    this.#options.onChange()
  }

  #succeeded(): void {
    if (this.#failures >= failuresWorthALine) this.#options.log.info('the token issuer answers again')
    this.#failures = 0
    this.#failedAt = -Infinity
  }

  #failed(error: unknown): void {
    this.#failures++
    this.#failedAt = performance.now()
    // A failed search may be repeated sooner than one that found nothing.
    this.#searchedAt = -Infinity
    if (this.#failures === failuresWorthALine) this.#complain(error, 'fetch')
  }

  #complain(error: unknown, what: string): void {
    if (this.#stopped.signal.aborted) return
    this.#options.log.warn({ err: error, url: this.#options.url }, `cannot ${what} keys of the token issuer`)
  }

  #schedule(): void {
    if (this.#stopped.signal.aborted) return
    const { refresh, retry } = this.#pauses
    const pause = this.#failures === 0 ? refresh : Math.min(refresh, retry * 2 ** (this.#failures - 1))
    this.#timer = setTimeout(() => void this.#fetch(), pause * (0.9 + Math.random() * 0.2))
    this.#timer.unref()
  }
}
