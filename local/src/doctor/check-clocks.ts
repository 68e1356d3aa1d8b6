import type { Contact, Reply } from '../ask.ts'
import type { Facts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'

/** Seconds. The services forgive tokens 5 s. */
const tolerance = { warning: 2, wrong: 5 }

/** How far a clock is ahead of this machine's, in seconds, and how much that may be wrong either way. */
interface Offset {
  readonly name: string
  readonly seconds: number
  readonly margin: number
}

/** Whether the clocks agree: the gateway's and the services', by the `Date` of their answers, and this machine's. */
export function checkClocks({ gateway, services }: Facts): Finding[] {
  const clocks: (readonly [string, Contact])[] = [
    ...services.map(({ name, health }) => [`app-${name}`, health] as const),
    ['gateway', gateway],
  ]
  const offsets = clocks.flatMap(([name, contact]) => (contact.answered ? offsetOf(name, contact) : []))
  if (offsets.length === 0) return []
  const skewed = offsets.filter(offset => beyond(offset) > tolerance.warning)
  if (skewed.length === 0) return [ok('clocks', `agree, within ${tolerance.warning} s`)]
  if (skewed.length === offsets.length && agree(offsets))
    return skewed.slice(0, 1).map(offset => finding(offset, "the system's clocks"))
  return skewed.map(offset => finding(offset, `the clock of ${offset.name}`))
}

function offsetOf(name: string, { headers, sentAt, receivedAt }: Reply): Offset[] {
  const date = Date.parse(headers.get('date') ?? '')
  if (Number.isNaN(date)) return []
  // The header tells whole seconds, cut off.
  const seconds = (date + 500 - (sentAt + receivedAt) / 2) / 1_000
  return [{ name, seconds, margin: 0.5 + (receivedAt - sentAt) / 2_000 }]
}

/** What is certain of an offset. */
function beyond({ seconds, margin }: Offset): number {
  return Math.max(0, Math.abs(seconds) - margin)
}

function agree(offsets: readonly Offset[]): boolean {
  const [first] = offsets
  return offsets.every(
    ({ seconds, margin }) => first && Math.abs(seconds - first.seconds) <= tolerance.warning + margin + first.margin,
  )
}

function finding(offset: Offset, whose: string): Finding {
  const apart = `${Math.abs(offset.seconds).toFixed(0)} s ${offset.seconds > 0 ? 'ahead of' : 'behind'} this machine's`
  const verdict = beyond(offset) > tolerance.wrong ? 'wrong' : 'warning'
  const remedy = 'synchronise by NTP (`timedatectl`); tokens are refused from 5 s on'
  return trouble(verdict, 'clocks', `${whose}: ${apart}`, remedy)
}
