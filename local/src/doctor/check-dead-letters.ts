import { fieldsOf } from '../ask.ts'
import type { Facts, ServiceFacts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { running } from './running.ts'
import { sum } from './samples.ts'

interface Group {
  readonly queue: string
  readonly type: string
  readonly reason: string
  readonly count: number
  readonly newestId: string
  readonly lastDiedAt: string
}

/** Groups of dead letters that are shown of each service. */
const shown = 5

/** Whether messages were given up. What they hold, and what their handlers said of it, is for `npm run dlq` alone to show. */
export function checkDeadLetters({ services }: Facts): Finding[] {
  const all = running(services)
  const findings = all.flatMap(service => {
    const groups = fieldsOf(service.deadLetters)['groups']
    return Array.isArray(groups) ? describeGroups(service.name, groups as Group[]) : countLetters(service)
  })
  return findings.length > 0 || all.length === 0 ? findings : [ok('dead letters', 'none')]
}

function describeGroups(service: string, groups: readonly Group[]): Finding[] {
  const findings = groups.slice(0, shown).map(({ count, type, queue, reason, newestId, lastDiedAt }) => {
    const says = `${count} × ${type} in ${queue}: ${reason}, last at ${lastDiedAt}`
    const mend =
      reason === 'malformed'
        ? 'it can never be handled: mend its sender, then delete it'
        : 'mend the cause, then replay it'
    return trouble('wrong', 'dead letters', says, `\`npm run dlq -- show ${newestId}\`; ${mend}`)
  })
  if (groups.length <= shown) return findings
  const more = `app-${service} has ${groups.length - shown} other kinds of them`
  return [...findings, trouble('wrong', 'dead letters', more, '`npm run dlq` lists all')]
}

function countLetters({ name, metrics = [], deadLetters }: ServiceFacts): Finding[] {
  const count = sum(metrics, 'dead_letters')
  if (count === undefined) {
    const says = `unknown: app-${name} shows its dead letters not to us, and has no metric dead_letters`
    const remedy = deadLetters.answered
      ? "give an admin's access token in FEIRA_TOKEN"
      : 'look from where its own port can be reached'
    return [trouble('unknown', 'dead letters', says, remedy)]
  }
  if (count === 0) return []
  return [
    trouble(
      'wrong',
      'dead letters',
      `app-${name} has ${count}`,
      "`npm run dlq`, with an admin's access token in FEIRA_TOKEN",
    ),
  ]
}
