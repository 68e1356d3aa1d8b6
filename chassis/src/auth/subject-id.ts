import { v5, validate } from 'uuid'

// Any fixed UUID serves (RFC 9562 §5.5); changing it would make strangers of everybody with a mapped id.
const namespace = '6f1d7c62-3a0b-5a1e-9d52-6d2f0f3f7a10'

/**
 * The user id behind a token's `sub`. A UUID is taken as it is, in lower case; anything else that an issuer may use is
 * mapped to the UUIDv5 of issuer and subject, so that ids are UUIDs everywhere and the same person always has the same one.
 */
export function subjectId(issuer: string, sub: string): string {
  return validate(sub) ? sub.toLowerCase() : v5(`${issuer}\n${sub}`, namespace)
}
