import { setTimeout as sleep } from 'node:timers/promises'
import { Rejection, rejections, type Query } from '@feira/chassis'

const patience = 2_000
const pause = 20
const maxWaiting = 500

interface Waiting {
  readonly orderId: string
  readonly version: number
  readonly deadline: number
  readonly end: (result: 'reached' | 'too late' | Error) => void
}

/** Waits, at most 2 s, until an order is known here with at least this version. */
export type WaitForVersion = (orderId: string, version: number) => Promise<void>

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

  const wait = (orderId: string, version: number) =>
    new Promise<'reached' | 'too late' | Error>(end => {
      waiting.add({ orderId, version, deadline: performance.now() + patience, end })
      if (polling) return
      polling = true
      void poll()
    })

  return async (orderId, version) => {
    const versions = await readVersions(query, [orderId])
    if ((versions.get(orderId) ?? 0) >= version) return
    if (waiting.size >= maxWaiting) throw rejections.overloaded()
    const result = await wait(orderId, version)
    if (result instanceof Error) throw result
    if (result === 'too late') throw notReached(orderId, version)
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** @returns how it stands with each of those who wait. */
async function look(query: Query, waiting: readonly Waiting[]) {
  const versions = await readVersions(query, [...new Set(waiting.map(({ orderId }) => orderId))])
  const now = performance.now()
  return ({ orderId, version, deadline }: Waiting) => {
    if ((versions.get(orderId) ?? 0) >= version) return 'reached'
    return now < deadline ? 'not yet' : 'too late'
  }
}

async function readVersions(query: Query, orderIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const { rows } = await query<{ id: string; version: number }>({
    name: 'order-versions',
    text: 'select id, version from model.orders where id = any($1::uuid[])',
    values: [orderIds],
  })
  return new Map(rows.map(({ id, version }) => [id, version]))
}

function notReached(orderId: string, version: number): Rejection {
  const message = `Order ${orderId} has not reached version ${version} here yet.`
  return new Rejection('version-not-reached', 409, message, { headers: { 'retry-after': '1' } })
}
