import { execSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { dashboards } from '@feira/local/src/dashboards/index.ts'
import { faults } from '@feira/local/src/faults/index.ts'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { scriptCallsOf } from './documentation.ts'
import { root } from './harness/program.ts'
import { familyOf, metricsOf } from './promql.ts'

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

interface AlertTest {
  readonly alertname: string
  readonly exp_alerts: readonly unknown[]
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly datasource: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets: readonly {
    readonly refId: string
    readonly expr?: string
    readonly datasource: { readonly uid: string }
  }[]
}

interface Dashboard {
  readonly uid: string
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
  readonly panels: readonly Panel[]
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const filesIn = (folder: string) => readdirSync(join(root, folder)).map(name => `${folder}/${name}`)
const readYaml = (path: string): unknown => parse(read(path))

const rules = filesIn('docker/prometheus/rules').flatMap(path =>
  (readYaml(path) as { groups: { rules: Rule[] }[] }).groups.flatMap(group => group.rules),
)
const alerts = rules.filter(rule => rule.alert !== undefined)
const recorded = rules.flatMap(({ record }) => record ?? [])
const alertTests = filesIn('docker/prometheus/tests').flatMap(path =>
  (readYaml(path) as { tests: { alert_rule_test: AlertTest[] }[] }).tests.flatMap(each => each.alert_rule_test),
)
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

const page = 'docs/metrics.md'

/** What is measured: by the services, as their page says; by prom-client, Kong, RabbitMQ and Prometheus itself. */
const known = new Set([
  ...[...read(page).matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name),
  ...recorded.map(familyOf),
  ...`up ALERTS process_cpu_seconds_total process_resident_memory_bytes nodejs_heap_size_used_bytes
    nodejs_eventloop_lag_p99_seconds nodejs_gc_duration_seconds kong_http_requests_total kong_kong_latency_ms
    rabbitmq_queue_messages_ready rabbitmq_queue_messages_unacked rabbitmq_process_resident_memory_bytes
    rabbitmq_resident_memory_limit_bytes`.split(/\s+/),
])
const isKnown = (metric: string) => known.has(metric) || known.has(familyOf(metric))

describe('alerts', () => {
  test('are seen', () => {
    expect(alerts.length).toBeGreaterThanOrEqual(20)
    expect(alertTests.length).toBeGreaterThanOrEqual(2 * alerts.length)
  })

  test.each(alerts)('$alert says what is wrong, how bad it is and where to read on', rule => {
    expect(rule).toMatchObject({
      for: expect.stringMatching(/^\d+m$/),
      labels: { severity: expect.stringMatching(/^(?:critical|warning)$/) },
      annotations: { summary: expect.stringMatching(/\w+/), description: expect.stringMatching(/\.$/) },
    })
    const runbook = rule.annotations?.['runbook'] ?? ''
    expect(runbook).toMatch(/^docs\/runbooks\/[a-z-]+\.md$/)
    expect(read(runbook)).toMatch(new RegExp(`^# ${rule.alert}\n[^]*\n## Look\n[^]*\n## Mend\n[^]*\n## Cause it\n`))
  })

  test.each(alerts)('$alert is tested firing and silent', ({ alert }) => {
    const own = alertTests.filter(({ alertname }) => alertname === alert)
    expect(own.filter(each => each.exp_alerts.length > 0)).not.toEqual([])
    expect(own.filter(each => each.exp_alerts.length === 0)).not.toEqual([])
  })

  test.skipIf(!hasPromtool)('fire and are silent as promtool sees it (where promtool is installed)', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const output = execSync(scripts['alerts:check'] ?? 'false', { cwd: root, encoding: 'utf8', stdio: 'pipe' })
    expect(output.match(/SUCCESS/g)?.length).toBeGreaterThan(2 * filesIn('docker/prometheus/tests').length)
  })

  test(`watch what is measured (as ${page} says)`, () => {
    const used = rules.flatMap(({ expr }) => metricsOf(expr))
    expect(used.length).toBeGreaterThan(rules.length)
    expect(used.filter(metric => !isKnown(metric))).toEqual([])
  })
})

describe('runbooks', () => {
  const pages = filesIn('docs/runbooks').filter(path => !path.endsWith('README.md'))

  test('are of alerts, and in their list', () => {
    expect(new Set(alerts.map(({ annotations }) => annotations?.['runbook']))).toEqual(new Set(pages))
    const list = read('docs/runbooks/README.md')
    for (const { alert, labels } of alerts)
      expect(list).toMatch(new RegExp(`^\\| \\[${alert}\\].*\\| ${labels?.['severity']} `, 'm'))
  })

  test('cause an alert by what is made to cause it', () => {
    const causes = pages.flatMap(page =>
      [...read(page).matchAll(/npm run break -- ([a-z-]+)/g)].map(([, name]) => [name, page]),
    )
    expect(causes.length).toBeGreaterThan(10)
    const promised = Object.entries(faults).flatMap(([name, fault]) =>
      fault.alerts.map(alert => [name, alerts.find(rule => rule.alert === alert)?.annotations?.['runbook']]),
    )
    expect(new Set(causes.map(String))).toEqual(new Set(promised.map(String)))
    expect(scriptCallsOf(read('docs/runbooks/README.md')).map(({ script }) => script)).toContain('break')
  })
})

describe.each(Object.entries(dashboards))('dashboard %s', (name, generated) => {
  const dashboard = JSON.parse(read(`docker/grafana/dashboards/${name}`)) as Dashboard
  const { panels, templating } = dashboard

  test('is as it is described (npm run dashboards)', () => {
    expect(dashboard).toEqual(generated)
  })

  test('has panels that do not cover each other', () => {
    expect(panels.length).toBeGreaterThan(5)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.filter(({ gridPos: { x, w } }) => !Number.isInteger(w) || x + w > 24)).toEqual([])
  })

  test('asks sources that can be chosen, each panel with a unit', () => {
    const sources = templating.list.filter(({ type }) => type === 'datasource').map(each => `\${${each.name}}`)
    for (const { datasource, targets } of panels) {
      for (const { uid } of [datasource, ...targets.map(target => target.datasource)]) expect(sources).toContain(uid)
    }
    const graphs = panels.filter(({ type }) => type === 'timeseries' || type === 'stat')
    expect(graphs.filter(({ fieldConfig }) => !fieldConfig?.defaults.unit)).toEqual([])
  })

  test(`shows what is measured (as ${page} says)`, () => {
    const used = panels
      .filter(({ datasource }) => datasource.uid === '${prometheus}')
      .flatMap(({ targets }) => targets.flatMap(({ expr = '' }) => metricsOf(expr)))
    expect(used.length).toBeGreaterThan(2)
    expect(used.filter(metric => !isKnown(metric))).toEqual([])
  })
})

describe('Grafana', () => {
  test('finds the dashboards and the sources that they ask', () => {
    const { datasources } = readYaml('docker/grafana/provisioning/datasources/feira.yml') as {
      datasources: { uid: string; type: string }[]
    }
    expect(datasources.map(({ type }) => type)).toEqual(['prometheus', 'jaeger', 'loki'])
    expect(readdirSync(join(root, 'docker/grafana/dashboards')).toSorted()).toEqual(Object.keys(dashboards).toSorted())
    const links = read('docker/grafana/dashboards/overview.json').match(/\/d\/[a-z-]+/g) ?? []
    const uids = Object.values(dashboards).map(each => `/d/${(each as Dashboard).uid}`)
    expect(links.length).toBeGreaterThan(3)
    expect(links.filter(link => !uids.includes(link))).toEqual([])
  })
})

describe('the reading of PromQL', () => {
  test('finds metrics, not what only looks like one', () => {
    const expr =
      'sum by (service, le) (rate(a_total{b="c_d", e=~"f"}[5m])) / on (g) h:i:rate5m > 0.5 or vector(0) unless up == 1'
    expect(metricsOf(expr)).toEqual(['a_total', 'h:i:rate5m', 'up'])
    expect(familyOf('a_seconds_bucket')).toBe('a_seconds')
  })
})
