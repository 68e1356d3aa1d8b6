import { nobody } from './user.ts'

/** What an order event tells that counts here. */
export interface OrderState {
  readonly orderId: string
  /** Null for an order of nobody; what was known before then stays. */
  readonly userId: string | null
  readonly version: number
  readonly status: string
  readonly totalCents: number
}

export interface KnownOrder extends OrderState {
  readonly userId: string
}

/** Sums over the orders of one user. */
export interface Tally {
  readonly count: number
  readonly completed: number
  /** Of orders that are paid and not refunded. */
  readonly spentCents: number
}

export const emptyTally: Tally = { count: 0, completed: 0, spentCents: 0 }

const paid = new Set(['paid', 'shipped', 'completed'])

export interface Recount {
  /** The orders as they are to be stored. */
  readonly newer: KnownOrder[]
  /** What is to be added to the tally of each user. */
  readonly additions: ReadonlyMap<string, Tally>
}

/**
 * What incoming states change: the newest version of each order wins, whatever arrives when and how often.
 * @param known the orders that are known already, by id
 */
export function recount(known: ReadonlyMap<string, KnownOrder>, incoming: readonly OrderState[]): Recount {
  const newest = new Map<string, KnownOrder>()
  for (const state of incoming) {
    const before = newest.get(state.orderId) ?? known.get(state.orderId)
    if (before && before.version >= state.version) continue
    newest.set(state.orderId, { ...state, userId: state.userId ?? before?.userId ?? nobody })
  }
  const additions = new Map<string, Tally>()
  for (const [id, state] of newest) {
    const before = known.get(id)
    if (before) add(additions, before.userId, tallyOf(before), -1)
    add(additions, state.userId, tallyOf(state), 1)
  }
  return { newer: [...newest.values()], additions }
}

function tallyOf({ status, totalCents }: OrderState): Tally {
  return { count: 1, completed: status === 'completed' ? 1 : 0, spentCents: paid.has(status) ? totalCents : 0 }
}

function add(tallies: Map<string, Tally>, userId: string, tally: Tally, sign: 1 | -1): void {
  const { count, completed, spentCents } = tallies.get(userId) ?? emptyTally
  tallies.set(userId, {
    count: count + sign * tally.count,
    completed: completed + sign * tally.completed,
    spentCents: spentCents + sign * tally.spentCents,
  })
}
