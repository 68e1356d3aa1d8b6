import { setTimeout as sleep } from 'node:timers/promises'
import { mayAccess, Rejection, rejections, type Caller, type Query } from '@feira/chassis'

const patience = 2_000
const pause = 20
const maxWaiting = 500

interface Wanted {
  readonly caller: Caller
  readonly orderId: string
  readonly version: number
}

interface Waiting extends Wanted {
  readonly deadline: number
  readonly end: (result: 'reached' | 'too late' | Error) => void
}

/**
 * Waits, at most 2 s, until an order of the caller is known here with at least this version. Just as long where it is
 * somebody else's, so that the answer does not tell that it exists.
 */
export type WaitForVersion = (caller: Caller, orderId: string, version: number) => Promise<void>

/**
 * Polls, because another replica may be the one that hears of the order; but with one statement for all who wait.
 * @returns a function that rejects with `version-not-reached` (409) when it waited in vain, and with `overloaded` (503)
 * when 500 requests wait already.
 */
export function createWaitForVersion(query: Query): WaitForVersion {
  const waiting = new Set<Waiting>()
  let polling = false

  const poll = async () => {
    while (waiting.size > 0) {
      await sleep(pause)
      const asking = [...waiting]
      const ended = await look(query, asking).catch(toError)
      for (const each of asking) {
        const result = ended instanceof Error ? ended : ended(each)
        if (result === 'not yet') continue
        waiting.delete(each)
        each.end(result)
      }
    }
    polling = false
  }

  const wait = (wanted: Wanted) =>
    new Promise<'reached' | 'too late' | Error>(end => {
      waiting.add({ ...wanted, deadline: performance.now() + patience, end })
      if (polling) return
      polling = true
      void poll()
    })

  return async (caller, orderId, version) => {
    const wanted = { caller, orderId, version }
    if (hasReached(wanted, await readKnown(query, [orderId]))) return
    if (waiting.size >= maxWaiting) throw rejections.overloaded()
    const result = await wait(wanted)
    if (result instanceof Error) throw result
    if (result === 'too late') throw notReached(orderId, version)
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** @returns how it stands with each of those who wait. */
async function look(query: Query, waiting: readonly Waiting[]) {
  const known = await readKnown(query, [...new Set(waiting.map(({ orderId }) => orderId))])
  const now = performance.now()
  return (each: Waiting) => {
    if (hasReached(each, known)) return 'reached'
    return now < each.deadline ? 'not yet' : 'too late'
  }
}

interface Known extends Record<string, unknown> {
  readonly id: string
  readonly version: number
  readonly userId: string | null
}

type KnownOrders = ReadonlyMap<string, Known>

function hasReached({ caller, orderId, version }: Wanted, orders: KnownOrders): boolean {
  const known = orders.get(orderId)
  return known !== undefined && known.version >= version && mayAccess(caller, known.userId)
}

async function readKnown(query: Query, orderIds: readonly string[]): Promise<KnownOrders> {
  const { rows } = await query<Known>({
    name: 'order-versions',
    text: 'select id, version, user_id as "userId" from model.orders where id = any($1::uuid[])',
    values: [orderIds],
  })
  return new Map(rows.map(row => [row.id, row]))
}

function notReached(orderId: string, version: number): Rejection {
  const message = `Order ${orderId} has not reached version ${version} here yet.`
  return new Rejection('version-not-reached', 409, message, { headers: { 'retry-after': '1' } })
}
