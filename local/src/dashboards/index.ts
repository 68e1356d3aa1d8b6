import { business } from './business.ts'
import { dashboardJson } from './dashboard.ts'
import { infrastructure } from './infrastructure.ts'
import { overview } from './overview.ts'
import { tracing } from './tracing.ts'

/** Every dashboard as Grafana reads it, by the name of its file in `docker/grafana/dashboards`. */
export const dashboards: Readonly<Record<string, object>> = {
  'overview.json': dashboardJson(overview),
  'infrastructure.json': dashboardJson(infrastructure),
  'business.json': dashboardJson(business),
  'tracing.json': dashboardJson(tracing),
}
