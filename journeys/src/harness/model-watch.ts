import type { TestDatabase } from './database.ts'
import { DatabaseWatch } from './database-watch.ts'

/** Watches the orders of the read model: invariant I11, none ever becomes older, or disappears. */
export function watchModel(queries: TestDatabase): DatabaseWatch {
  const versions = new Map<string, number>()
  return new DatabaseWatch(async () => {
    const rows = await queries.rows<{ id: string; version: number }>('select id, version from model.orders')
    const now = new Map(rows.map(({ id, version }) => [id, version]))
    const found = [...versions].flatMap(([id, known]) => wentBack(id, known, now.get(id)))
    for (const [id, version] of now) versions.set(id, version)
    return found
  })
}

function wentBack(id: string, known: number, version: number | undefined): string[] {
  if (version === undefined) return [`I11: order ${id} v${known} disappeared from the read model`]
  return version < known ? [`I11: order ${id} went from v${known} back to v${version}`] : []
}
