import { writeFileSync } from 'node:fs'
import { dashboards } from './index.ts'

// For `npm run dashboards`, which formats them as well.
for (const [name, dashboard] of Object.entries(dashboards)) {
  const file = new URL(`../../../docker/grafana/dashboards/${name}`, import.meta.url)
  writeFileSync(file, JSON.stringify(dashboard, null, 2))
}
