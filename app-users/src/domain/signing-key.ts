/** The public part of a key, as a key set shows it (RFC 7517). */
export interface PublicKey {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
}

export interface KeyTimes {
  readonly kid: string
  readonly signsFrom: Date
}

/** Milliseconds. */
export interface KeyPolicy {
  /** How long a key signs. */
  readonly lifetime: number
  /** How long a key is published before it signs. */
  readonly notice: number
  /** How long what it signed counts. */
  readonly tokenLifetime: number
}

/** For clocks that differ, and for tokens signed at the very end. */
const tolerance = 60_000

/** The key that signs: the newest whose time has come. */
export function signingKey<Key extends KeyTimes>(keys: readonly Key[], now: Date): Key | undefined {
  const sorted = oldestFirst(keys)
  return sorted.findLast(({ signsFrom }) => signsFrom <= now) ?? sorted[0]
}

/** The keys that verifiers must know: those yet to sign, the one that signs, and those whose tokens may still count. */
export function publishedKeys<Key extends KeyTimes>(keys: readonly Key[], now: Date, policy: KeyPolicy): Key[] {
  const sorted = oldestFirst(keys)
  return sorted.filter((_key, index) => {
    const successor = sorted[index + 1]
    return !successor || successor.signsFrom.getTime() + policy.tokenLifetime + tolerance > now.getTime()
  })
}

/** From when a new key must sign, if one has to be made now: the first at once, each other after its notice. */
export function dueKey(keys: readonly KeyTimes[], now: Date, { lifetime, notice }: KeyPolicy): Date | undefined {
  const newest = oldestFirst(keys).at(-1)
  if (!newest) return now
  const end = newest.signsFrom.getTime() + lifetime
  return end - notice <= now.getTime() ? new Date(Math.max(end, now.getTime() + notice)) : undefined
}

/** From when a key would sign that an operator asks for now; undefined while one is waiting already. */
export function earlyKey(keys: readonly KeyTimes[], now: Date, { notice }: KeyPolicy): Date | undefined {
  return keys.some(({ signsFrom }) => signsFrom > now) ? undefined : new Date(now.getTime() + notice)
}

function oldestFirst<Key extends KeyTimes>(keys: readonly Key[]): Key[] {
  return keys.toSorted((a, b) => a.signsFrom.getTime() - b.signsFrom.getTime() || (a.kid < b.kid ? -1 : 1))
}
