import { existsSync, globSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { plan, type PlannedResource } from '../plan/plan.ts'
import { alarmMetrics } from './metrics.ts'

const root = new URL('../../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

let alarms: readonly PlannedResource[]

beforeAll(async () => {
  const resources = await plan('dev')
  alarms = resources.filter(({ type }) => type.startsWith('aws:cloudwatch/') && type.endsWith('Alarm'))
}, 240_000)

interface Measured {
  readonly namespace: string
  readonly metricName: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** The metrics that an alarm looks at. */
function measuredBy({ inputs }: PlannedResource): readonly Measured[] {
  const queries = inputs['metricQueries'] as { readonly metric?: Measured }[] | undefined
  if (queries !== undefined) return queries.flatMap(({ metric }) => metric ?? [])
  return 'metricName' in inputs ? [inputs as unknown as Measured] : []
}

test('every alert of Prometheus is an alarm', () => {
  const files = globSync('docker/prometheus/rules/*.yml', { cwd: root })
  const alerts = files.flatMap(file => {
    const { groups } = parse(read(file)) as { groups: { rules: { alert?: string }[] }[] }
    return groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []))
  })
  expect(alerts.length).toBeGreaterThanOrEqual(20)
  const told = alarms
    .filter(({ inputs }) => Array.isArray(inputs['alarmActions']))
    .map(({ name }) => name.split('-').at(-1))
  expect(alerts.filter(alert => !told.includes(alert))).toEqual([])
})

test('every alarm leads to a runbook', () => {
  const descriptions = alarms.map(({ inputs }) => String(inputs['alarmDescription']))
  expect(descriptions.length).toBeGreaterThan(100)
  const missing = descriptions.filter(description => {
    const [, page, anchor] = /Runbook: ([\w/-]+\.md)(?:#([\w-]+))?$/.exec(description) ?? []
    if (page === undefined || !existsSync(new URL(page, root))) return true
    const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading?.toLowerCase())
    return anchor !== undefined && !headings.includes(anchor)
  })
  expect(new Set(missing)).toEqual(new Set())
})

test('what an alarm looks at is what the collector sends, by the same dimensions', () => {
  const own = alarms.flatMap(measuredBy).filter(({ namespace }) => namespace === 'feira/dev')
  expect(own.length).toBeGreaterThan(50)
  for (const { metricName, dimensions } of own) {
    const sent = alarmMetrics.find(({ name }) => name === metricName)
    expect(sent?.dimensions.toSorted(), metricName).toEqual(Object.keys(dimensions).toSorted())
    const wanted = sent?.only === undefined || !(sent.only.label in dimensions) ? undefined : sent.only
    expect(dimensions[wanted?.label ?? ''], metricName).toBe(wanted?.value)
  }
  const looked = new Set(own.map(({ metricName }) => metricName))
  expect(alarmMetrics.map(({ name }) => name).filter(name => !looked.has(name))).toEqual([])
})

test('what the collector sends is what services measure', () => {
  const documented = read('docs/metrics.md')
  const unknown = alarmMetrics.filter(({ name }) => !name.startsWith('nodejs_') && !documented.includes(`\`${name}\``))
  expect(unknown).toEqual([])
})

test('names of alarms differ, and tell the stack', () => {
  const names = alarms.map(({ inputs }) => inputs['name'] ?? inputs['alarmName'])
  expect(new Set(names).size).toBe(alarms.length)
  expect(names.filter(name => !String(name).startsWith('feira-dev-'))).toEqual([])
})
