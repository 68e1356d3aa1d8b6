/** One line of Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Every sample of an answer of `/metrics`; what is no sample is left out. */
export function samplesIn(text: string): Sample[] {
  return text.split('\n').flatMap(each => {
    const [, name, labels = '', value] = line.exec(each) ?? []
    return name === undefined
      ? []
      : [{ name, labels: labelsIn(labels), value: Number(value?.replace('Inf', 'Infinity')) }]
  })
}

function labelsIn(text: string): Record<string, string> {
  const unescape = (value: string) =>
    value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
  return Object.fromEntries([...text.matchAll(label)].map(([, name = '', value = '']) => [name, unescape(value)]))
}

/** The samples of a metric that carry all these labels. */
export function find(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  const wanted = Object.entries(labels)
  return samples.filter(each => each.name === name && wanted.every(([key, value]) => each.labels[key] === value))
}

/** Their sum; undefined when there are none, because a metric that is absent is not zero. */
export function sum(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = find(samples, name, labels)
  return found.length === 0 ? undefined : found.reduce((total, { value }) => total + value, 0)
}
