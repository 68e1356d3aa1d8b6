/** A panel as Grafana stores it, but for its id and its place. */
export type Panel = Readonly<Record<string, unknown>>

/** A PromQL expression, and what its series are called: `{{service}}` is the value of a label. */
export type Query = readonly [expr: string, legend: string]

export interface GraphOptions {
  /** A unit's id in Grafana: https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit */
  readonly unit: string
  readonly queries: readonly Query[]
  /** What is good and what is not, where the title does not tell. */
  readonly description?: string
  readonly stack?: boolean
  /** A value from which on the graph is red. */
  readonly alarming?: number
}

type Source = 'prometheus' | 'jaeger' | 'loki'

/** Which data source is asked is a variable of the dashboard, so that it works with others of the same kind. */
export function sourceOf(type: Source) {
  return { type, uid: `\${${type}}` }
}

// Grafana fills in the service of the series that was clicked on, and the time shown.
const toTraces = {
  title: 'Traces and logs of ${__field.labels.service}',
  url: '/d/feira-tracing?var-service=${__field.labels.service}&${__url_time_range}',
}

/** Values over time. Where series are by service, a click leads from one to its traces and logs. */
export function graph(title: string, options: GraphOptions): Panel {
  const { unit, queries, description, stack = false, alarming } = options
  const linked = queries.some(([, legend]) => legend.includes('{{service}}'))
  return {
    type: 'timeseries',
    title,
    ...(description ? { description } : {}),
    datasource: sourceOf('prometheus'),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        custom: {
          fillOpacity: stack ? 30 : 5,
          showPoints: 'never',
          ...(stack ? { stacking: { mode: 'normal' } } : {}),
          ...(alarming === undefined ? {} : { thresholdsStyle: { mode: 'dashed' } }),
        },
        ...thresholdsAt(alarming),
        ...(linked ? { links: [toTraces] } : {}),
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'table', placement: 'right', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: targetsOf(queries, {}),
  }
}

/** The latest value, large. */
export function figure(title: string, { unit, queries, description, alarming }: GraphOptions): Panel {
  return {
    type: 'stat',
    title,
    ...(description ? { description } : {}),
    datasource: sourceOf('prometheus'),
    fieldConfig: { defaults: { unit, ...thresholdsAt(alarming) }, overrides: [] },
    options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' },
    targets: targetsOf(queries, {}),
  }
}

export interface TableOptions {
  /** By column: what it is headed, its expression and its unit. All have the same labels. */
  readonly columns: readonly { readonly title: string; readonly expr: string; readonly unit: string }[]
  readonly description?: string
}

/** The present values of several expressions, side by side for each combination of labels. */
export function table(title: string, { columns, description }: TableOptions): Panel {
  const refs = columns.map((_, index) => `Value #${refOf(index)}`)
  return {
    type: 'table',
    title,
    ...(description ? { description } : {}),
    datasource: sourceOf('prometheus'),
    fieldConfig: {
      defaults: {},
      overrides: columns.map(({ title: displayName, unit }, index) => ({
        matcher: { id: 'byName', options: refs[index] },
        properties: [
          { id: 'displayName', value: displayName },
          { id: 'unit', value: unit },
        ],
      })),
    },
    options: { sortBy: [{ displayName: columns[0]?.title, desc: true }] },
    targets: targetsOf(
      columns.map(({ expr }) => [expr, ''] as const),
      { format: 'table', instant: true },
    ),
    transformations: [
      { id: 'merge', options: {} },
      { id: 'organize', options: { excludeByName: { Time: true } } },
    ],
  }
}

/** A list of traces that Jaeger finds; each leads to the trace. */
export function traceList(title: string, search: Readonly<Record<string, unknown>>): Panel {
  const datasource = sourceOf('jaeger')
  return {
    type: 'table',
    title,
    datasource,
    fieldConfig: { defaults: {}, overrides: [] },
    options: {},
    targets: [{ refId: 'A', datasource, queryType: 'search', limit: 20, ...search }],
  }
}

/** One trace, span by span. */
export function trace(title: string, id: string): Panel {
  const datasource = sourceOf('jaeger')
  return { type: 'traces', title, datasource, targets: [{ refId: 'A', datasource, query: id }] }
}

/** Lines of the log; each leads to its trace. */
export function logs(title: string, expr: string): Panel {
  const datasource = sourceOf('loki')
  return {
    type: 'logs',
    title,
    datasource,
    options: {
      showTime: true,
      wrapLogMessage: true,
      enableLogDetails: true,
      sortOrder: 'Descending',
      dedupStrategy: 'none',
    },
    targets: [{ refId: 'A', datasource, expr, queryType: 'range' }],
  }
}

function targetsOf(queries: readonly Query[], options: object) {
  const datasource = sourceOf('prometheus')
  return queries.map(([expr, legend], index) => ({
    refId: refOf(index),
    datasource,
    expr,
    ...(legend ? { legendFormat: legend } : {}),
    ...options,
  }))
}

function refOf(index: number): string {
  return String.fromCharCode(65 + index)
}

function thresholdsAt(alarming: number | undefined) {
  if (alarming === undefined) return { thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }] } }
  const steps = [
    { color: 'green', value: null },
    { color: 'red', value: alarming },
  ]
  return { thresholds: { mode: 'absolute', steps } }
}
