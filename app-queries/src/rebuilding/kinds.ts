/** Who owns each kind of aggregate that the model holds, by the names that snapshots use. */
export const ownerOf = {
  user: 'users',
  product: 'products',
  order: 'orders',
  invoice: 'invoices',
  notification: 'notifications',
} as const

export type Kind = keyof typeof ownerOf

export const kinds = Object.keys(ownerOf) as readonly Kind[]

export interface KindProgress {
  readonly kind: Kind
  /** Null until the owner has said how many it has sent. */
  readonly expected: number | null
  readonly received: number
}

/** Whether all there is of a kind has come, be it before or after the owner said how much that is. */
export function hasCome({ expected, received }: KindProgress): boolean {
  return expected !== null && received >= expected
}

/** In plain words, which owners have not sent everything, and how much came of it. */
export function lackingIn(progress: readonly KindProgress[]): string {
  const lacking = progress.filter(each => !hasCome(each))
  return lacking.map(({ kind, expected, received }) => `${ownerOf[kind]} ${owes(kind, expected, received)}`).join('; ')
}

function owes(kind: Kind, expected: number | null, received: number): string {
  if (expected === null) return `has not said how many ${kind}s it has, and ${received} came`
  return `has sent ${expected} ${kind}s, of which ${received} came`
}
