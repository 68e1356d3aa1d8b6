import type { Answer } from '@feira/chassis'

/**
 * A secret for the answer to the request that made it, and to no other: what is stored with an Idempotency-Key must not
 * hold it, so a repeated request gets null in its place.
 */
export function shownOnce({ headers }: Answer, secret: string): string | null {
  return headers?.['idempotency-replayed'] === 'true' ? null : secret
}
