import { groups, monthlyCost, type MonthlyCost } from './cost.ts'
import type { PlannedResource } from './plan.ts'

/** Stacks by name. */
export type Stacks = Readonly<Record<string, readonly PlannedResource[]>>

/** A heading and rows below it, as COSTS.md has them. */
export type Table = readonly (readonly string[])[]

/** Every item of every stack: how many, and what they cost. */
export function itemTable(stacks: Stacks): Table {
  const costs = Object.entries(stacks).map(([stack, resources]) => ({ stack, cost: monthlyCost(resources) }))
  const items = new Map(costs.flatMap(({ cost }) => cost.items.map(item => [item.what, item])))
  const sorted = [...items.values()].toSorted((one, other) => groups.indexOf(one.group) - groups.indexOf(other.group))
  return [
    ['Item', 'USD each', ...costs.flatMap(({ stack }) => [stack, `USD ${stack}`])],
    ...sorted.map(({ what, unitPrice }) => [
      what,
      amount(unitPrice),
      ...costs.flatMap(({ cost }) => {
        const item = cost.items.find(candidate => candidate.what === what)
        return item === undefined ? ['', ''] : [String(Math.round(item.count * 100) / 100), amount(item.monthly)]
      }),
    ]),
    ['Total', '', ...costs.flatMap(({ cost }) => ['', amount(cost.total)])],
  ]
}

/** What each group of items costs, and its share. */
export function groupTable(stacks: Stacks): Table {
  const costs = Object.entries(stacks).map(([stack, resources]) => ({ stack, cost: monthlyCost(resources) }))
  return [
    ['Group', ...costs.map(({ stack }) => `USD ${stack}`)],
    ...groups.map(group => [
      group,
      ...costs.map(({ cost }) => {
        const sum = sumOf(cost, group)
        return `${Math.round(sum)} (${Math.round((100 * sum) / cost.total)} %)`
      }),
    ]),
  ]
}

function sumOf({ items }: MonthlyCost, group: string): number {
  return items.filter(item => item.group === group).reduce((sum, item) => sum + item.monthly, 0)
}

type Change = (resources: readonly PlannedResource[]) => PlannedResource[]

const without =
  (unwanted: (resource: PlannedResource) => boolean): Change =>
  resources =>
    resources.filter(resource => !unwanted(resource))

const given =
  (type: string, inputs: PlannedResource['inputs']): Change =>
  resources =>
    resources.map(resource =>
      resource.type === type ? { ...resource, inputs: { ...resource.inputs, ...inputs } } : resource,
    )

const databaseType = 'aws:rds/instance:Instance'

/** What could be had for less, and what is different then. */
const ways: readonly { readonly way: string; readonly change: Change }[] = [
  {
    way: 'Databases elsewhere, e.g. `feira:<service>DatabaseUrl` of Neon, which has to be paid there',
    change: without(({ type }) => type === databaseType),
  },
  {
    way: '`feira:database` with `db.t4g.large`: as much memory, and a processor that may be throttled',
    change: resources =>
      resources.map(resource =>
        resource.type === databaseType && resource.inputs['instanceClass'] === 'db.m7g.large'
          ? { ...resource, inputs: { ...resource.inputs, instanceClass: 'db.t4g.large' } }
          : resource,
      ),
  },
  {
    way: '`feira:database` with `multiAz: false`: minutes to hours without a database whose zone fails',
    change: given(databaseType, { multiAz: false }),
  },
  {
    way: '`feira:broker` with one node: no messages while it is maintained, or its zone fails',
    change: given('aws:mq/broker:Broker', { deploymentMode: 'SINGLE_INSTANCE' }),
  },
  {
    way: '`feira:architecture: arm64`',
    change: given('aws:ecs/taskDefinition:TaskDefinition', { runtimePlatform: { cpuArchitecture: 'ARM64' } }),
  },
  {
    way: '`feira:natGateways: 1`: no way out while its zone fails',
    change: without(({ type, name }) => /^aws:ec2\/(natGateway:|eip:)/.test(type) && !name.endsWith('-1')),
  },
  {
    way: 'Without the alarms on error budgets',
    change: without(({ type, name }) => type.startsWith('aws:cloudwatch/') && name.includes('ErrorBudgetBurns')),
  },
]

/** How much less each way down costs in a month. */
export function savingTable(stacks: Stacks): Table {
  return [
    ['Change', ...Object.keys(stacks).map(stack => `USD less in ${stack}`)],
    ...ways.map(({ way, change }) => [
      way,
      ...Object.values(stacks).map(resources => {
        const saved = Math.round(monthlyCost(resources).total - monthlyCost(change(resources)).total)
        return saved > 0 ? String(saved) : ''
      }),
    ]),
  ]
}

function amount(usd: number): string {
  return usd.toFixed(2)
}

/** As Markdown, before Prettier aligns it. */
export function markdown([heading = [], ...rows]: Table): string {
  const lines = [heading, heading.map((_, index) => (index === 0 ? '---' : '--:')), ...rows]
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}
