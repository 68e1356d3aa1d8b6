import type { PlannedResource } from './plan.ts'

interface Edge {
  readonly from: string
  readonly to: string
  readonly port: number
}

/**
 * Who may call whom at which port, as a Mermaid diagram. It is drawn from the rules of the security groups, so an arrow is
 * in it exactly if a packet may take that way.
 */
export function drawing(resources: readonly PlannedResource[]): string {
  const edges = edgesOf(resources)
  const services = named(resources, 'aws:ecs/service:Service').filter(
    name => name !== 'gateway' && name !== 'collector',
  )
  const data = [...new Set(edges.flatMap(({ from, to }) => [from, to]))].filter(
    name => name === 'broker' || name === 'cache' || name.endsWith('-database'),
  )
  const lines = [
    'flowchart LR',
    '  internet((internet)) -->|"443, 80"| load-balancer',
    '  subgraph public [public subnets]',
    '    load-balancer["load balancer"]',
    '  end',
    '  subgraph private [private subnets]',
    '    gateway["gateway: Kong"]',
    '    subgraph services',
    ...services.map(name => `      ${name}`),
    '    end',
    '    collector["collector: OpenTelemetry"]',
    '  end',
    '  subgraph data [data subnets]',
    ...data.toSorted().map(name => `    ${name}[(${label(name)})]`),
    '  end',
    ...arrows(edges, services),
  ]
  return lines.join('\n')
}

function arrows(edges: readonly Edge[], services: readonly string[]): string[] {
  // What each service does alike is one arrow: from all of them, or to all of them.
  const shared = [...new Set(edges.map(({ to, port }) => `${to} ${port}`))].filter(key =>
    services.every(name => edges.some(({ from, to, port }) => from === name && `${to} ${port}` === key)),
  )
  const sharing = [...new Set(edges.map(({ from }) => from))].filter(
    name =>
      !services.includes(name) &&
      services.every(service => edges.some(({ from, to }) => from === name && to === service)),
  )
  const texts = edges.map(({ from, to, port }) => {
    if (services.includes(from) && shared.includes(`${to} ${port}`)) return `  services -->|${port}| ${to}`
    if (services.includes(to) && sharing.includes(from)) return `  ${from} -->|their ports| services`
    return `  ${from} -->|${port}| ${to}`
  })
  return [...new Set(texts)].toSorted()
}

function edgesOf(resources: readonly PlannedResource[]): Edge[] {
  const groups = new Map(
    resources
      .filter(({ type }) => type === 'aws:ec2/securityGroup:SecurityGroup')
      .map(({ name }): [unknown, string] => [`${name}-id`, name]),
  )
  return resources
    .filter(({ type }) => type === 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule')
    .flatMap(({ inputs }) => {
      const from = groups.get(inputs['referencedSecurityGroupId'])
      const to = groups.get(inputs['securityGroupId'])
      return from === undefined || to === undefined ? [] : [{ from, to, port: Number(inputs['fromPort']) }]
    })
}

function named(resources: readonly PlannedResource[], type: string): string[] {
  return resources
    .filter(resource => resource.type === type)
    .map(({ name }) => name)
    .toSorted()
}

function label(name: string): string {
  if (name === 'broker') return '"RabbitMQ"'
  if (name === 'cache') return '"Valkey"'
  return `"PostgreSQL of ${name.replace(/-database$/, '')}"`
}
