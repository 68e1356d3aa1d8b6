import { hash } from 'node:crypto'
import type { Caller } from './caller.ts'
import type { VerifiedToken } from './verify-token.ts'

/** Callers of tokens verified a moment ago. */
export interface TokenCache {
  /** What to ask by: a token is not kept, only its hash. */
  keyOf(token: string): string
  get(key: string): Caller | undefined
  set(key: string, verified: VerifiedToken): void
  clear(): void
  /** Grows with each `clear`. */
  readonly version: number
}

interface Entry {
  readonly caller: Caller
  readonly until: number
}

export interface TokenCacheOptions {
  /** Tokens, at most; the one used longest ago leaves first. */
  readonly size?: number
  /** Milliseconds. */
  readonly keepFor?: number
}

/** Keeps tokens until they expire, at most a minute: checking a signature costs more than the rest of a request. */
export function createTokenCache({ size = 10_000, keepFor = 60_000 }: TokenCacheOptions = {}): TokenCache {
  // A map keeps the order in which its keys were set.
  const entries = new Map<string, Entry>()
  let version = 0
  return {
    keyOf: token => hash('sha256', token, 'base64'),
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      if (entry.until <= Date.now()) return undefined
      entries.set(key, entry)
      return entry.caller
    },
    set(key, { caller, expiresAt }) {
      entries.delete(key)
      entries.set(key, { caller, until: Math.min(expiresAt, Date.now() + keepFor) })
      if (entries.size > size) entries.delete(entries.keys().next().value as string)
    },
    clear() {
      entries.clear()
      version++
    },
    get version() {
      return version
    },
  }
}
