import type { RunningService } from '../start-service.ts'

export interface Series {
  /** Of the family, or with `_bucket`, `_sum` or `_count` behind it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** All series of one name, with what is said of them. */
export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly series: readonly Series[]
}

/** The metrics of a service as a scrape shows them. @throws when the text is not in Prometheus' format. */
export async function scrape({ http }: Pick<RunningService, 'http'>): Promise<readonly Family[]> {
  const { body, statusCode } = await http.inject('/metrics')
  if (statusCode !== 200) throw new Error(`/metrics answered ${statusCode}`)
  return parseExposition(body)
}

/** The sum of the series of this name that carry all these labels; undefined where there is none. */
export function valueIn(
  families: readonly Family[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = families
    .flatMap(({ series }) => series)
    .filter(each => each.name === name)
    .filter(each => Object.entries(labels).every(([label, wanted]) => each.labels[label] === wanted))
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
}

/**
 * Reads Prometheus' text format, version 0.0.4, as strictly as it is specified.
 * https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
 * @throws naming the line that does not follow it.
 */
export function parseExposition(text: string): readonly Family[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families: (Family & { readonly series: Series[] })[] = []
  let help: readonly [name: string, text: string] | undefined
  for (const line of text.split('\n').filter(each => each !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') help = [name, rest]
    else if (keyword === 'TYPE') families.push(openFamily(name, rest, help, families))
    else (families.at(-1) ?? fail('no family is open', line)).series.push(readSeries(line))
  }
  for (const family of families) checkFamily(family)
  return families
}

function fail(problem: string, line: string): never {
  throw new Error(`${problem}: ${line}`)
}

function openFamily(name: string, type: string, help: readonly [string, string] | undefined, known: readonly Family[]) {
  if (help?.[0] !== name) fail('no help stands before the type', name)
  if (known.some(family => family.name === name)) fail('two families have one name', name)
  if (!/^(counter|gauge|histogram|summary)$/.test(type)) fail('there is no such type', `${name} ${type}`)
  return { name, type, help: help[1], series: [] as Series[] }
}

// A value is what Go's ParseFloat takes; prom-client writes NaN as Nan.
const seriesPattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (N[aA][nN]|[+-]Inf|[+-]?\d[\d.]*(?:e[+-]?\d+)?)$/
const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y

function readSeries(line: string): Series {
  const [, name = '', labels = '', value = ''] = seriesPattern.exec(line) ?? fail('this is no series', line)
  return { name, labels: readLabels(labels, line), value: Number(value.replace('Inf', 'Infinity')) }
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (labelPattern.lastIndex = 0; labelPattern.lastIndex < text.length;) {
    const [, name = '', value = ''] = labelPattern.exec(text) ?? fail('these are no labels', line)
    if (name in labels) fail('a label stands there twice', line)
    labels[name] = value
  }
  return labels
}

function checkFamily(family: Family): void {
  const { name, type, series } = family
  const parts =
    type === 'histogram' ? ['_bucket', '_sum', '_count'] : type === 'summary' ? ['', '_sum', '_count'] : ['']
  const names = new Set(parts.map(part => name + part))
  const seen = new Set<string>()
  for (const each of series) {
    if (!names.has(each.name)) fail(`a series of the family ${name} has another name`, each.name)
    const identity = `${each.name} ${groupOf(each)} ${each.labels['le']}`
    if (seen.has(identity)) fail('a series stands there twice', identity)
    seen.add(identity)
    if (type === 'counter' && !(each.value >= 0)) fail('a counter is negative', identity)
  }
  if (type === 'histogram') checkBuckets(family)
}

/** Its labels but one, which tells the buckets of a histogram apart. */
function groupOf({ labels }: Series): string {
  const entries = Object.entries(labels).filter(([label]) => label !== 'le')
  return JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function checkBuckets({ name, series }: Family): void {
  for (const count of series.filter(each => each.name === `${name}_count`)) {
    const buckets = series.filter(each => each.name === `${name}_bucket` && groupOf(each) === groupOf(count))
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('Inf', 'Infinity')))
    const isSorted = (numbers: readonly number[]) => numbers.every((each, index) => index === 0 || each >= Number(numbers[index - 1])) // prettier-ignore
    if (!isSorted(bounds) || !isSorted(buckets.map(({ value }) => value))) fail('buckets do not grow', groupOf(count))
    const last = buckets.at(-1)
    if (last?.labels['le'] !== '+Inf' || last.value !== count.value) fail('buckets do not hold all', groupOf(count))
  }
}
