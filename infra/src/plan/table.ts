import type { PlannedResource } from './plan.ts'

/** Every resource with its type, its name and the component that it belongs to, in order of the tree. */
export function resourceTable(resources: readonly PlannedResource[]): string {
  const rows = ordered(resources).map(({ resource, depth }) => [
    shortType(resource.type),
    `${'  '.repeat(depth)}${resource.name}`,
    resources.find(({ urn }) => urn === resource.parent)?.name ?? '',
  ])
  const header = ['TYPE', 'NAME', 'PARENT']
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
  return [header, ...rows]
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** How many there are of each type. */
export function typeCounts(resources: readonly PlannedResource[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const type of resources.map(resource => shortType(resource.type)).toSorted()) {
    counts.set(type, (counts.get(type) ?? 0) + 1)
  }
  return counts
}

/** `aws:ec2/securityGroup:SecurityGroup` says everything twice. */
function shortType(type: string): string {
  const [provider = '', module = '', kind = ''] = type.split(':')
  return `${provider}:${module.split('/')[0]}:${kind}`
}

function ordered(resources: readonly PlannedResource[]) {
  const rows: { readonly resource: PlannedResource; readonly depth: number }[] = []
  const visit = (parent: string | undefined, depth: number) => {
    const children = resources
      .filter(resource => resource.parent === parent)
      .toSorted((a, b) => a.name.localeCompare(b.name) || a.type.localeCompare(b.type))
    for (const resource of children) {
      rows.push({ resource, depth })
      visit(resource.urn, depth + 1)
    }
  }
  const known = new Set(resources.map(({ urn }) => urn))
  for (const root of new Set(
    resources.map(({ parent }) => parent).filter(parent => parent === undefined || !known.has(parent)),
  )) {
    visit(root, 0)
  }
  return rows
}
