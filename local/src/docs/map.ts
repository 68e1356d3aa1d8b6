import type { Service } from '@feira/chassis'
import type { Flow } from './flows.ts'

/** A page that shows who publishes what, and who reads it. */
export function drawMap(flows: readonly Flow[], services: readonly Service[]): string {
  const broadcast = flows.filter(({ answerers }) => answerers.length === 0)
  const answered = flows.filter(({ answerers }) => answerers.length > 0)
  const requested = flows.find(({ message }) => message.type === 'snapshot.requested')
  return `# Who tells whom

Made by \`npm run docs\` from what the services' code publishes and their values read. The same for machines, with schemas and
examples: [asyncapi.yaml](asyncapi.yaml). How messages travel and grow: [contracts](../../contracts/README.md).

\`\`\`mermaid
flowchart LR
${diagram(broadcast, services).join('\n')}
\`\`\`

What a service publishes for itself, and \`snapshot.requested\`, are left out here.

## Messages

| Message | Kind | Published by | Read by | It says |
| --- | --- | --- | --- | --- |
${broadcast.map(rowOf).join('\n')}

Queues in italics take only what is sent to them by name.

## Snapshots

Whoever keeps copies of what others own asks for all of it by \`snapshot.requested\` (${requested?.publishers.join(', ')}); the owners answer to
the queue that it names.

| Answer | Sent by | Read by |
| --- | --- | --- |
${answered.map(flow => cells(code(flow.message.type), flow.answerers.join(', '), queues(flow))).join('\n')}

## Services

| Service | Publishes | Reads |
| --- | --- | --- |
${services.map(service => serviceRow(service, flows)).join('\n')}
`
}

const outside = 'outside'

function diagram(flows: readonly Flow[], services: readonly Service[]): string[] {
  const edges = new Map<string, string[]>()
  for (const { message, publishers, readers } of flows) {
    if (message.type === 'snapshot.requested') continue
    const targets = new Set(readers.map(({ service }) => service))
    for (const from of publishers.length > 0 ? publishers : [outside]) {
      for (const to of targets) {
        if (from === to) continue
        const key = `${from} ${to}`
        edges.set(key, [...(edges.get(key) ?? []), message.type])
      }
    }
  }
  return [
    ...services.map(({ name }) => `  ${name}[app-${name}]`),
    `  ${outside}([payment provider])`,
    ...[...edges].map(([key, types]) => {
      const [from = '', to = ''] = key.split(' ')
      return `  ${from} -->|"${label(types)}"| ${to}`
    }),
  ]
}

/** `order.paid` and `order.shipped` → `order: paid, shipped`. */
function label(types: readonly string[]): string {
  const nouns = new Map<string, string[]>()
  for (const type of types) {
    const [noun = '', ...rest] = type.split('.')
    nouns.set(noun, [...(nouns.get(noun) ?? []), rest.join('.')])
  }
  return [...nouns].map(([noun, verbs]) => `${noun}: ${verbs.join(', ')}`).join('<br/>')
}

function rowOf(flow: Flow): string {
  const { message, publishers } = flow
  const by = publishers.length > 0 ? publishers.join(', ') : `${outside}: ${message.owner}`
  return cells(code(message.type), message.kind, by, queues(flow), message.summary)
}

function queues({ readers }: Flow): string {
  return readers.map(({ queue, bound }) => (bound ? code(queue) : `_${queue}_`)).join(', ')
}

function serviceRow({ name }: Service, flows: readonly Flow[]): string {
  const types = (which: (flow: Flow) => boolean) =>
    flows
      .filter(which)
      .map(({ message }) => code(message.type))
      .join(', ') || '—'
  return cells(
    `[app-${name}](../../app-${name}/README.md)`,
    types(({ publishers, answerers }) => publishers.includes(name) || answerers.includes(name)),
    types(({ readers }) => readers.some(({ service }) => service === name)),
  )
}

function code(text: string): string {
  return `\`${text}\``
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map(text => text.replaceAll('|', '\\|')).join(' | ')} |`
}
