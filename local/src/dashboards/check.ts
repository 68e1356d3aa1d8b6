import { parseArgs } from 'node:util'
import { dashboards } from './index.ts'

interface Found {
  readonly dashboard: string
  readonly panel: string
  readonly expr: string
}

interface Target {
  readonly expr?: string
  readonly datasource: { readonly type: string }
}

interface Panels {
  readonly panels: readonly { readonly title: string; readonly targets: readonly Target[] }[]
}

/** Whether Prometheus answers an expression with at least one series. */
export type Ask = (expr: string) => Promise<boolean>

/** Every PromQL expression of every panel. */
export function expressionsOf(all: Readonly<Record<string, object>>): Found[] {
  return Object.entries(all).flatMap(([dashboard, json]) =>
    (json as Panels).panels.flatMap(({ title, targets }) =>
      targets
        .filter(({ datasource }) => datasource.type === 'prometheus')
        .map(({ expr = '' }) => ({ dashboard, panel: title, expr })),
    ),
  )
}

/** Puts in what Grafana would, for all services and over five minutes. */
export function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('="$service"', '=~".+"').replaceAll('$service', '.+')
}

// They have metrics of their own, and are only there in containers.
const elsewhere = ['kong', 'rabbitmq']

/** Asks every expression. @returns those without a series, and those of servers that are not asked for metrics. */
export async function checkDashboards(found: readonly Found[], ask: Ask) {
  const absent: string[] = []
  for (const job of elsewhere) if (!(await ask(`up{job="${job}"}`))) absent.push(job)
  const isElsewhere = ({ expr }: Found) => absent.some(job => expr.includes(`${job}_`))
  const skipped = found.filter(isElsewhere)
  const empty: Found[] = []
  for (const each of found) if (!isElsewhere(each) && !(await ask(filledIn(each.expr)))) empty.push(each)
  return { empty, skipped }
}

function askOf(prometheus: string): Ask {
  return async expr => {
    const url = `${prometheus}/api/v1/query?query=${encodeURIComponent(expr)}`
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    const body = (await response.json()) as { data?: { result: unknown[] }; error?: string }
    if (!body.data) throw new Error(`${expr}: ${body.error ?? response.status}`)
    return body.data.result.length > 0
  }
}

function listed(found: readonly Found[]): string {
  return found.map(({ dashboard, panel, expr }) => `\n  ${dashboard}, ${panel}: ${expr}`).join('')
}

/** `npm run dashboards:check`: tells which panels would be empty, and fails if any would. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { prometheus: { type: 'string', default: 'http://127.0.0.1:9090' } } })
  const found = expressionsOf(dashboards)
  const { empty, skipped } = await checkDashboards(found, askOf(values.prometheus))
  console.log(`${found.length - empty.length - skipped.length} of ${found.length} expressions yield a series.`)
  if (skipped.length > 0) console.log(`Skipped, because their server is not asked for metrics here:${listed(skipped)}`)
  if (empty.length > 0) console.error(`Without a series:${listed(empty)}`)
  process.exitCode = empty.length > 0 ? 1 : 0
}

if (import.meta.main) await main()
