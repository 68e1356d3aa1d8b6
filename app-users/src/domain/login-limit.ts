/** Failed sign-ins that are counted together. */
export interface Failures {
  readonly count: number
  /** Of the first that is counted. */
  readonly since: Date
  readonly last: Date
}

export interface Attempt {
  /** Of this account from this address. */
  readonly pair: Failures | undefined
  /** Of any account from this address. */
  readonly address: Failures | undefined
  /** Of this account from anywhere. */
  readonly account: Failures | undefined
  /** Whether somebody signed in to this account from this address before. */
  readonly known: boolean
}

/** Milliseconds after the first failure, when all of them are forgotten. */
export const window = 15 * 60_000
export const perPair = 10
export const perAddress = 50
/** So many from anywhere are free; after that each makes the next wait longer. */
export const perAccount = 20
const longestWait = 60_000

/**
 * Milliseconds that an attempt has to wait; 0 when it may be made. An address that is new to an account also answers for
 * what others do: the address as a whole, and everybody who tries this account, whom waiting slows down to one attempt a
 * minute. An address where the account's owner signed in before answers for itself alone, so that no stranger elsewhere
 * can lock the owner out.
 */
export function waitFor({ pair, address, account, known }: Attempt, now: Date): number {
  const full = (failures: Failures | undefined, limit: number) =>
    failures && countAt(failures, now) >= limit ? failures.since.getTime() + window - now.getTime() : 0
  const own = full(pair, perPair)
  return known ? own : Math.max(own, full(address, perAddress), slowdown(account, now))
}

/** The failures with one more. */
export function withFailure(failures: Failures | undefined, now: Date): Failures {
  const count = countAt(failures, now)
  return { count: count + 1, since: count === 0 || !failures ? now : failures.since, last: now }
}

function slowdown(account: Failures | undefined, now: Date): number {
  const excess = countAt(account, now) - perAccount
  if (!account || excess < 0) return 0
  const pause = Math.min(longestWait, 1_000 * 2 ** Math.min(excess, 10))
  return Math.max(0, account.last.getTime() + pause - now.getTime())
}

function countAt(failures: Failures | undefined, now: Date): number {
  return failures && now.getTime() < failures.since.getTime() + window ? failures.count : 0
}

/**
 * What addresses that belong to one client have in common: an IPv4 address itself, the first 64 bits of an IPv6 address,
 * because whoever has one has all of these (RFC 6177).
 */
export function addressKey(ip: string): string {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (v4) return v4
  const [head = '', tail] = (ip.split('%')[0] ?? '').toLowerCase().split('::')
  const before = head.split(':').filter(Boolean)
  const after = tail?.split(':').filter(Boolean) ?? []
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  const groups = [...before, ...(tail === undefined ? [] : zeros), ...after]
  return `${groups
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
