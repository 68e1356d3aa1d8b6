import { logOf } from './advice.ts'
import type { Facts, Mode } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { measured } from './running.ts'
import { find, sum, type Sample } from './samples.ts'

/** Whether services have given up calling something, and whether their work waits for a connection to their database. */
export function checkResources({ services, mode }: Facts): Finding[] {
  const all = measured(services)
  const findings = all.flatMap(({ name, metrics }) => [...openBreakers(mode, name, metrics), ...waiting(name, metrics)])
  if (findings.length > 0 || all.length === 0) return findings
  return [ok('calls', 'no circuit breaker is open, nobody waits for a connection')]
}

function openBreakers(mode: Mode, service: string, metrics: readonly Sample[]): Finding[] {
  const remedy = `mend what is called, which is tried every few seconds: ${logOf(mode, service)}`
  return find(metrics, 'circuit_breaker_state')
    .filter(({ labels, value }) => value > 0 && labels['state'] !== 'closed')
    .map(({ labels: { name, state }, value }) => {
      const what = value === 1 ? `the circuit breaker of ${name}` : `${value} circuit breakers of ${name}`
      const says = `app-${service}: ${what} ${state === 'open' ? 'open: it failed too often' : 'half-open: it is tried again'}`
      return trouble(state === 'open' ? 'wrong' : 'warning', 'calls', says, remedy)
    })
}

function waiting(service: string, metrics: readonly Sample[]): Finding[] {
  const count = sum(metrics, 'database_pool_connections', { state: 'waiting' }) ?? 0
  if (count === 0) return []
  const says = `${count} pieces of work in app-${service} wait for a database connection`
  return [
    trouble(
      'warning',
      'calls',
      says,
      'look for slow or blocked statements in pg_stat_activity, then raise DATABASE_POOL',
    ),
  ]
}
