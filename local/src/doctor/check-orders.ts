import { logOf } from './advice.ts'
import { fieldsOf } from '../ask.ts'
import type { Facts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'

/** Whether orders get on: products sets their stock aside, or not, within moments. */
export function checkOrders({ stuckOrders, mode }: Facts): Finding[] {
  const { items } = stuckOrders ? fieldsOf(stuckOrders) : {}
  if (!Array.isArray(items)) return []
  if (items.length === 0) return [ok('orders', 'none has been pending for more than a minute')]
  const { id, createdAt } = items[0] as { id: string; createdAt: string }
  const says = `order ${id} has been pending since ${createdAt}, and perhaps others`
  const remedy = `app-products has not answered for its stock: see its line, its queues and ${logOf(mode, 'products')}`
  return [trouble('wrong', 'orders', says, remedy)]
}

interface Kind {
  readonly kind: string
  readonly expected: number | null
  readonly received: number
}

const rebuildRemedy =
  "see that the owners it names run, then `curl -X POST` the gateway's /q/rebuild with an admin's token: docs/troubleshooting.md"

/** Whether the read model is whole. How far it lags behind is seen by the queues of app-queries. */
export function checkReadModel({ rebuild }: Facts): Finding[] {
  const { state, reason, kinds } = rebuild ? fieldsOf(rebuild) : {}
  if (state === 'failed') {
    return [
      trouble('wrong', 'read model', `its last rebuild failed: ${String(reason)}; it is read as it was`, rebuildRemedy),
    ]
  }
  if (state === 'running') return [ok('read model', `is rebuilt, and read as it was meanwhile: ${progressOf(kinds)}`)]
  return typeof state === 'string'
    ? [ok('read model', state === 'none' ? 'was never rebuilt' : 'its last rebuild completed')]
    : []
}

function progressOf(kinds: unknown): string {
  const all = Array.isArray(kinds) ? (kinds as Kind[]) : []
  return all.map(({ kind, received, expected }) => `${received} of ${expected ?? '?'} ${kind}s`).join(', ')
}
