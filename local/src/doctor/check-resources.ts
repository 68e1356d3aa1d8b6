import { logOf } from './advice.ts'
import type { Facts } from './facts.ts'
import { ok, trouble, type Finding } from './finding.ts'
import { find, sum } from './samples.ts'

/** Whether services have given up calling something, and whether their requests wait for a connection to their database. */
export function checkResources({ services, mode }: Facts): Finding[] {
  const findings = services.flatMap(({ name, metrics = [] }) => {
    const waiting = sum(metrics, 'database_pool_connections', { state: 'waiting' }) ?? 0
    const breakers = find(metrics, 'circuit_breaker_state').filter(
      ({ labels, value }) => value === 1 && labels['state'] !== 'closed',
    )
    return [
      ...breakers.map(({ labels }) => {
        const open = labels['state'] === 'open'
        const says = `app-${name} ${open ? 'does not call' : 'tries again to call'} ${labels['name']}, which failed too often`
        return trouble(
          open ? 'wrong' : 'warning',
          'calls',
          says,
          `mend what is called; it is tried every few seconds: ${logOf(mode, name)}`,
        )
      }),
      ...(waiting > 0
        ? [
            trouble(
              'warning',
              'calls',
              `${waiting} pieces of work in app-${name} wait for a database connection`,
              'look for slow or blocked statements in pg_stat_activity; then raise DATABASE_POOL',
            ),
          ]
        : []),
    ]
  })
  if (findings.length > 0) return findings
  return services.some(({ metrics }) => metrics)
    ? [ok('calls', 'no circuit breaker is open, nobody waits for a connection')]
    : []
}
