import { sourceOf, type Panel } from './panels.ts'

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** What is chosen above the panels. */
  readonly variables: readonly Variable[]
  /** Rows from top to bottom. */
  readonly rows: readonly Row[]
}

export interface Row {
  /** Of 30 pixels. */
  readonly height: number
  /** From left to right, equally wide: as many as divide 24. */
  readonly panels: readonly Panel[]
}

export type Variable = Readonly<Record<string, unknown>>

/** The columns of Grafana's grid. */
const columns = 24
/** Of Grafana 12.0; a later one brings it up to date itself. */
const schemaVersion = 41

/** A dashboard as Grafana reads it. */
export function dashboardJson({ uid, title, description, variables, rows }: Dashboard): object {
  return {
    uid,
    title,
    description,
    tags: ['feira'],
    schemaVersion,
    editable: false,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    links: [{ type: 'dashboards', title: 'Feira', tags: ['feira'], keepTime: true, asDropdown: false }],
    templating: { list: variables },
    annotations: { list: [alerts] },
    panels: placed(rows),
  }
}

/** Which source of a kind is asked; the first that there is, until another is chosen. */
export function sourceVariable(type: 'prometheus' | 'jaeger' | 'loki'): Variable {
  return { type: 'datasource', name: type, query: type, hide: 2, refresh: 1 }
}

/** Which services are shown. @param many whether several can be. */
export function serviceVariable(many: boolean): Variable {
  const query = 'label_values(up{job="services"}, service)'
  const all = { multi: true, includeAll: true, allValue: '.+', current: { text: ['All'], value: ['$__all'] } }
  return {
    type: 'query',
    name: 'service',
    label: 'Service',
    datasource: sourceOf('prometheus'),
    definition: query,
    // 1 is "label values".
    query: { qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' },
    refresh: 2,
    sort: 1,
    ...(many ? all : {}),
  }
}

/** When an alert fires it is marked in every graph. */
const alerts = {
  name: 'Alerts',
  enable: true,
  iconColor: 'red',
  datasource: sourceOf('prometheus'),
  expr: 'max by (alertname, severity, service) (ALERTS{alertstate="firing"})',
  titleFormat: '{{alertname}}',
  textFormat: '{{severity}} {{service}}',
  step: '15s',
}

function placed(rows: readonly Row[]): object[] {
  let y = 0
  let id = 0
  return rows.flatMap(({ height, panels }) => {
    const w = columns / panels.length
    const row = panels.map((panel, index) => ({ id: ++id, gridPos: { h: height, w, x: index * w, y }, ...panel }))
    y += height
    return row
  })
}
