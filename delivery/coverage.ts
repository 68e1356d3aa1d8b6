import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

interface Counts {
  readonly total: number
  readonly covered: number
}

const measures = ['lines', 'branches', 'functions'] as const
type Measure = (typeof measures)[number]

/** What istanbul's reporter `json-summary` writes: counts by file, and under `total` their sum. */
export type Summary = Readonly<Record<string, Readonly<Record<Measure, Counts>>>>

/** A table in Markdown, one row for each folder of the repository but journeys, which is nothing but tests. */
export function tableOf(summary: Summary, root: string): string {
  const folders = new Map<string, Readonly<Record<Measure, Counts>>[]>()
  for (const [file, counts] of Object.entries(summary)) {
    const [folder = ''] = relative(root, file).replaceAll('\\', '/').split('/')
    if (file === 'total' || folder === 'journeys') continue
    folders.set(folder, [...(folders.get(folder) ?? []), counts])
  }
  const rows = [...folders].toSorted(([a], [b]) => a.localeCompare(b))
  const all = rows.flatMap(([, counts]) => counts)
  return [
    `| | ${measures.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(measures.length)}`,
    ...[...rows, ['**all**', all] as const].map(
      ([name, counts]) => `| ${name} | ${measures.map(measure => share(counts, measure)).join(' | ')} |`,
    ),
    '',
    "Covered within the tests' own processes: what journeys run in processes of their own is not counted.",
  ].join('\n')
}

function share(files: readonly Readonly<Record<Measure, Counts>>[], measure: Measure): string {
  const sum = (part: keyof Counts) => files.reduce((count, file) => count + file[measure][part], 0)
  return sum('total') === 0 ? '–' : `${((100 * sum('covered')) / sum('total')).toFixed(1)} %`
}

if (import.meta.main) {
  const summary = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8')) as Summary
  console.log(`### Coverage\n\n${tableOf(summary, process.cwd())}`)
}
