import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { newId } from '@feira/chassis'

/** A key as its partner holds it, and what is kept of it. */
export interface NewKey {
  readonly id: string
  /** Shown once: `feira_<id>_<secret>`, the id without hyphens, 192 random bits in hexadecimal. */
  readonly text: string
  /** SHA-256 of the text, hexadecimal. A fast hash will do: nobody guesses 192 bits. */
  readonly hash: string
}

export function newKey(): NewKey {
  const id = newId()
  const text = `feira_${id.replaceAll('-', '')}_${randomBytes(24).toString('hex')}`
  return { id, text, hash: hashOf(text) }
}

/** The id in a key; undefined where the text is no key. */
export function keyIdIn(text: string): string | undefined {
  const id = /^feira_([0-9a-f]{32})_[0-9a-f]{48}$/.exec(text)?.[1]
  return id?.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Whether this is the key of which `kept` is the hash, in constant time. */
export function matches(text: string, kept: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(text)), Buffer.from(kept))
}

function hashOf(text: string): string {
  return hash('sha256', text)
}
