import type { Facts } from './facts.ts'
import { checkTokens } from './check-access.ts'
import { checkClocks } from './check-clocks.ts'
import { checkDeadLetters } from './check-dead-letters.ts'
import { checkMachine } from './check-machine.ts'
import { checkOutboxes, checkQueues } from './check-messages.ts'
import { checkOrders, checkReadModel } from './check-orders.ts'
import { checkResources } from './check-resources.ts'
import { checkGateway, checkServices } from './check-services.ts'
import { checkTraces } from './check-traces.ts'
import { exitCodeOf, type Finding, type Verdict } from './finding.ts'
import { onOneLine, paint } from '../screen.ts'

/** Judges what was gathered: every check, in the order in which a reader wants them. */
export function judge(facts: Facts): Finding[] {
  const findings = [
    ...checkMachine(facts),
    checkGateway(facts),
    ...checkServices(facts),
    ...checkQueues(facts),
    ...checkDeadLetters(facts),
    ...checkOutboxes(facts),
    ...checkOrders(facts),
    ...checkReadModel(facts),
    ...checkResources(facts),
    ...checkTokens(facts),
    ...checkTraces(facts),
    ...checkClocks(facts),
  ]
  return findings.map(finding => ({ ...finding, says: onOneLine(finding.says) }))
}

const signs: Readonly<Record<Verdict, string>> = {
  ok: paint('green', '✓'),
  warning: paint('yellow', '!'),
  wrong: paint(['red', 'bold'], '✗'),
  unknown: paint('yellow', '?'),
}

/** One line for each finding, one more for what to do about it, and a last one that sums up. */
export function render(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ check, verdict, says, remedy }) => [
    `${signs[verdict]} ${check.padEnd(width)}  ${says}`,
    ...(remedy === undefined ? [] : [paint('dim', `  ${' '.repeat(width)}  → ${remedy}`)]),
  ])
  return [...lines, '', summaryOf(findings)].join('\n')
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (verdict: Verdict) => findings.filter(finding => finding.verdict === verdict).length
  const parts = [
    `${count('wrong')} wrong`,
    `${count('warning')} worth a look`,
    `${count('unknown')} not known`,
    `${count('ok')} fine`,
  ].filter(part => !part.startsWith('0 '))
  const verdict = { 0: 'Healthy', 1: 'Not healthy', 2: 'Nothing wrong seen, but not everything could be looked at' }
  return `${paint('bold', verdict[exitCodeOf(findings)])}: ${parts.join(', ')}.`
}
