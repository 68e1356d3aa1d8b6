// One file, because it is one list: what each type of resource costs, and what for.
import type { PlannedResource } from './plan.ts'
import { hoursOfMonth, monthly, prices, type Price } from './prices.ts'

/** What a stack's work costs depends on this; the program says nothing of it. */
export interface Usage {
  /** GB of logs that a task writes in a month: its own, its proxy's, and what the collector writes of its metrics. */
  readonly logsOfTask: number
  /** GB that leave and enter through NAT for a task in a month: its logs, its metrics, what it calls. */
  readonly natOfTask: number
  /** The load balancer's capacity units: one is 25 connections a second that are new, 3,000 at once, or 1 GB an hour. */
  readonly loadBalancerUnits: number
  /** GB of answers in a month. */
  readonly out: number
  /** GB of a repository's images; most of their layers are the same. */
  readonly images: number
  /** GB of the load balancer's access logs that are kept. */
  readonly accessLogs: number
  /** GB of refused connections that are logged in a month. */
  readonly flowLogs: number
  /** The share of a database's storage that is in use, and the share of that which changes in a day. */
  readonly databaseFull: number
  readonly databaseChanges: number
}

/** Little traffic: what COSTS.md is about. */
export const littleTraffic: Usage = {
  logsOfTask: 2,
  natOfTask: 3,
  loadBalancerUnits: 1,
  out: 100,
  images: 2,
  accessLogs: 5,
  flowLogs: 1,
  databaseFull: 0.25,
  databaseChanges: 0.02,
}

export const groups = ['Databases', 'Tasks', 'Broker', 'Observability', 'Network', 'Cache', 'Rest'] as const
export type Group = (typeof groups)[number]

export interface CostItem {
  readonly group: Group
  readonly what: string
  readonly count: number
  /** USD of one for a month. */
  readonly unitPrice: number
  /** USD for all. */
  readonly monthly: number
}

export interface MonthlyCost {
  readonly items: readonly CostItem[]
  /** USD. */
  readonly total: number
}

/** Thrown by {@link monthlyCost}; its message names everything that has no price. */
export class UnpricedError extends Error {}

/**
 * What the resources cost in a month at list prices, with as many tasks as there are at the least.
 * @throws UnpricedError if one has no price here and is not known to be free.
 */
export function monthlyCost(resources: readonly PlannedResource[], usage: Usage = littleTraffic): MonthlyCost {
  const unpriced: string[] = []
  const lines: Line[] = [...customMetrics(resources)]
  for (const resource of resources) {
    if (resource.type.startsWith('feira:') || freeOfCharge.has(resource.type)) continue
    const price = pricing[resource.type]
    try {
      if (price === undefined) throw new UnpricedError('has no price here')
      lines.push(...price(resource, resources, usage))
    } catch (error) {
      if (!(error instanceof UnpricedError)) throw error
      unpriced.push(`${resource.type} ${resource.name} ${error.message}`)
    }
  }
  if (unpriced.length > 0) throw new UnpricedError(`Not priced:\n${unpriced.map(line => `  ${line}`).join('\n')}`)

  const counts = new Map<string, Line>()
  for (const line of lines) {
    const before = counts.get(line.what)
    counts.set(line.what, { ...line, count: line.count + (before?.count ?? 0) })
  }
  const items = [...counts.values()]
    .filter(({ count }) => count > 0)
    .map(({ price, ...line }) => ({ ...line, unitPrice: monthly(price), monthly: line.count * monthly(price) }))
    .toSorted((one, other) => groups.indexOf(one.group) - groups.indexOf(other.group) || other.monthly - one.monthly)
  return { items, total: items.reduce((sum, item) => sum + item.monthly, 0) }
}

interface Line {
  readonly group: Group
  readonly what: string
  readonly count: number
  readonly price: Price
}

type Pricing = (resource: PlannedResource, all: readonly PlannedResource[], usage: Usage) => Line[]

const pricing: Readonly<Record<string, Pricing>> = {
  'aws:ecs/service:Service': ({ inputs }, all, { logsOfTask }) => {
    const count = numberIn(inputs, 'desiredCount')
    const definition = named(all, 'aws:ecs/taskDefinition:TaskDefinition', textIn(inputs, 'taskDefinition'))
    const architecture = textIn(recordIn(definition.inputs, 'runtimePlatform'), 'cpuArchitecture')
    const price = priceOf(prices.fargate, architecture)
    const days = numberIn(named(all, 'aws:cloudwatch/logGroup:LogGroup', definition.name).inputs, 'retentionInDays')
    return [
      line(
        'Tasks',
        `Fargate processors (${architecture})`,
        count * (numberIn(definition.inputs, 'cpu') / 1_024),
        price.cpu,
      ),
      line(
        'Tasks',
        `Fargate memory, GiB (${architecture})`,
        count * (numberIn(definition.inputs, 'memory') / 1_024),
        price.memory,
      ),
      line('Observability', 'Logs, GB written', count * logsOfTask, prices.logGigabyte),
      line('Observability', 'Logs, GB kept', count * logsOfTask * (days / 30), prices.logGigabyteKept),
    ]
  },
  'aws:ecs/cluster:Cluster': ({ inputs }) => {
    const insights = listIn(inputs, 'settings').find(setting => setting['name'] === 'containerInsights')?.['value']
    if (insights === 'disabled') return []
    throw new UnpricedError(`observes its containers in a way that has no price here: ${JSON.stringify(insights)}`)
  },

  'aws:ec2/natGateway:NatGateway': (_, all, { natOfTask }) => [
    line('Network', 'NAT gateways', 1, prices.natGateway),
    line(
      'Network',
      'NAT, GB',
      (natOfTask * tasksOf(all)) / countOf(all, 'aws:ec2/natGateway:NatGateway'),
      prices.natGigabyte,
    ),
  ],
  'aws:ec2/eip:Eip': () => [line('Network', 'Public IPv4 addresses', 1, prices.publicAddress)],
  'aws:ec2/vpcEndpoint:VpcEndpoint': ({ inputs }) => {
    if (inputs['vpcEndpointType'] !== 'Gateway') throw new UnpricedError('has no price here; only gateways are free')
    return []
  },
  'aws:ec2/flowLog:FlowLog': (_, _all, { flowLogs }) => [
    line('Observability', 'Logs, GB written', flowLogs, prices.logGigabyte),
  ],
  'aws:lb/loadBalancer:LoadBalancer': ({ inputs }, _, { loadBalancerUnits, out }) => {
    if (inputs['loadBalancerType'] !== 'application') throw new UnpricedError('is not an application load balancer')
    const addresses = inputs['internal'] === true ? 0 : listIn(inputs, 'subnets').length
    return [
      line('Network', 'Load balancers', 1, prices.loadBalancer),
      line('Network', 'Load balancer, capacity units', loadBalancerUnits, prices.loadBalancerUnit),
      line('Network', 'Public IPv4 addresses', addresses, prices.publicAddress),
      line('Network', 'To the internet, GB', out, prices.gigabyteOut),
    ]
  },
  // Cloud Map costs nothing to Service Connect, but keeps a private zone.

  'aws:rds/instance:Instance': ({ inputs }, _, { databaseFull, databaseChanges }) => {
    const instanceClass = textIn(inputs, 'instanceClass')
    const copies = inputs['multiAz'] === true ? 2 : 1
    const storage = numberIn(inputs, 'allocatedStorage')
    if (inputs['engine'] !== 'postgres' || inputs['storageType'] !== 'gp3') {
      throw new UnpricedError('has no price here; only PostgreSQL on gp3 has')
    }
    // A week of it is free.
    if (numberIn(inputs, 'performanceInsightsRetentionPeriod', 7) > 7)
      throw new UnpricedError('keeps its insights for long')
    const backup = storage * databaseFull * (1 + numberIn(inputs, 'backupRetentionPeriod') * databaseChanges)
    return [
      line('Databases', `RDS instances, ${instanceClass}`, copies, priceOf(prices.databaseInstance, instanceClass)),
      line('Databases', 'RDS storage, GB', copies * storage, prices.databaseGigabyte),
      // As much as the storage is free.
      line('Databases', 'RDS backups, GB', Math.max(0, backup - storage), prices.backupGigabyte),
    ]
  },
  'aws:mq/broker:Broker': ({ inputs }) => {
    const instance = textIn(inputs, 'hostInstanceType')
    const nodes = inputs['deploymentMode'] === 'CLUSTER_MULTI_AZ' ? 3 : 1
    const disk = nodes === 1 ? singleBrokerDisk : clusterBrokerDisk[instance]
    if (disk === undefined || inputs['engineType'] !== 'RabbitMQ')
      throw new UnpricedError('has a disk of no known size')
    return [
      line('Broker', `Amazon MQ nodes, ${instance}`, nodes, priceOf(prices.brokerNode, instance)),
      line('Broker', 'Amazon MQ storage, GB', nodes * disk, prices.brokerGigabyte),
    ]
  },
  'aws:elasticache/replicationGroup:ReplicationGroup': ({ inputs }) => {
    const node = textIn(inputs, 'nodeType')
    if (inputs['engine'] !== 'valkey' || numberIn(inputs, 'snapshotRetentionLimit', 0) > 0) {
      throw new UnpricedError('has no price here; only Valkey without snapshots has')
    }
    return [
      line(
        'Cache',
        `ElastiCache nodes, ${node}`,
        numberIn(inputs, 'numCacheClusters'),
        priceOf(prices.cacheNode, node),
      ),
    ]
  },

  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ inputs }) => [
    line('Observability', 'Metrics of alarms', alarmMetrics(inputs).length, prices.alarmMetric),
  ],
  'aws:cloudwatch/compositeAlarm:CompositeAlarm': () => [
    line('Observability', 'Composite alarms', 1, prices.compositeAlarm),
  ],
  // It keeps an alarm for more tasks and one for fewer.
  'aws:appautoscaling/policy:Policy': ({ inputs }) => {
    if (inputs['policyType'] !== 'TargetTrackingScaling') throw new UnpricedError('is not target tracking')
    return [
      line(
        'Observability',
        'Metrics of auto-scaling',
        2 * Math.max(1, policyMetrics(inputs).length),
        prices.alarmMetric,
      ),
    ]
  },

  'aws:secretsmanager/secret:Secret': () => [line('Rest', 'Secrets', 1, prices.secret)],
  'aws:kms/key:Key': () => [line('Rest', 'Keys', 1, prices.key)],
  'aws:ecr/repository:Repository': (_, _all, { images }) => [line('Rest', 'Images, GB', images, prices.imageGigabyte)],
  'aws:s3/bucket:Bucket': (_, all, { accessLogs }) => {
    const zones = all.find(({ type }) => type === 'aws:lb/loadBalancer:LoadBalancer')?.inputs['subnets']
    // Each zone's node of the load balancer writes a file every 5 minutes.
    const writes = (Array.isArray(zones) ? zones.length : 0) * hoursOfMonth * 12
    return [
      line('Rest', 'Access logs, GB', accessLogs, prices.objectGigabyte),
      line('Rest', 'Access logs, thousand files', writes / 1_000, prices.thousandWrites),
    ]
  },
}

/** What costs nothing itself, and why not. */
export const freeOfCharge: ReadonlyMap<string, string> = new Map([
  ...[
    'random:index/randomPassword:RandomPassword',
    'random:index/randomId:RandomId',
    'docker-build:index:Image',
    'command:local:Command',
  ].map((type): [string, string] => [type, 'is not of AWS']),
  ...[
    'aws:ec2/vpc:Vpc',
    'aws:ec2/subnet:Subnet',
    'aws:ec2/internetGateway:InternetGateway',
    'aws:ec2/routeTable:RouteTable',
    'aws:ec2/routeTableAssociation:RouteTableAssociation',
    'aws:ec2/route:Route',
    'aws:ec2/securityGroup:SecurityGroup',
    'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup',
    'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule',
    'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
  ].map((type): [string, string] => [type, 'networks are free; what passes them is not']),
  ...['aws:iam/role:Role', 'aws:iam/rolePolicy:RolePolicy', 'aws:kms/alias:Alias'].map((type): [string, string] => [
    type,
    'permissions and names are free',
  ]),
  ...[
    'aws:rds/subnetGroup:SubnetGroup',
    'aws:rds/parameterGroup:ParameterGroup',
    'aws:elasticache/subnetGroup:SubnetGroup',
    'aws:elasticache/parameterGroup:ParameterGroup',
    'aws:ecr/lifecyclePolicy:LifecyclePolicy',
    'aws:s3/bucketPolicy:BucketPolicy',
    'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
    'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
    'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration',
    'aws:lb/listener:Listener',
    'aws:lb/targetGroup:TargetGroup',
    'aws:appautoscaling/target:Target',
  ].map((type): [string, string] => [type, 'settings of what is paid for']),
  ['aws:ecs/taskDefinition:TaskDefinition', 'its tasks are paid for'],
  ['aws:secretsmanager/secretVersion:SecretVersion', 'its secret is paid for'],
  ['aws:cloudwatch/logGroup:LogGroup', 'what is written to it is counted with those who write it'],
  ['aws:acm/certificate:Certificate', 'public certificates are free'],
  ['aws:acm/certificateValidation:CertificateValidation', 'public certificates are free'],
  ['aws:route53/record:Record', 'its zone is not of this stack, and asking for an alias of AWS is free'],
  ['aws:servicediscovery/httpNamespace:HttpNamespace', 'what Service Connect registers is free'],
  ['aws:sns/topic:Topic', 'a thousand e-mails a month are free'],
  ['aws:sns/topicSubscription:TopicSubscription', 'a thousand e-mails a month are free'],
])

/**
 * GB of a node's disk.
 * https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/rmq-broker-instance-types.html
 */
const singleBrokerDisk = 200
const clusterBrokerDisk: Readonly<Record<string, number>> = {
  'mq.m7g.medium': 5,
  'mq.m7g.large': 15,
  'mq.m7g.xlarge': 25,
}

interface WatchedMetric {
  readonly namespace: string
  readonly name: string
  readonly dimensions: unknown
}

function alarmMetrics(inputs: Fields): WatchedMetric[] {
  if (inputs['metricQueries'] === undefined) return [watched(inputs)]
  return listIn(inputs, 'metricQueries').flatMap(query => {
    return query['metric'] === undefined ? [] : [watched(recordIn(query, 'metric'))]
  })
}

function policyMetrics(inputs: Fields): WatchedMetric[] {
  if (inputs['policyType'] !== 'TargetTrackingScaling') return []
  const custom = recordIn(inputs, 'targetTrackingScalingPolicyConfiguration')['customizedMetricSpecification']
  if (!isRecord(custom)) return []
  return listIn(custom, 'metrics').flatMap(query => {
    if (query['metricStat'] === undefined) return []
    const metric = recordIn(recordIn(query, 'metricStat'), 'metric')
    const dimensions = listIn(metric, 'dimensions').map(({ name, value }) => [String(name), value])
    return [{ ...watched(metric), dimensions: Object.fromEntries(dimensions) as unknown }]
  })
}

function watched(metric: Fields): WatchedMetric {
  return {
    namespace: textIn(metric, 'namespace'),
    name: textIn(metric, 'metricName'),
    dimensions: metric['dimensions'],
  }
}

/** The collector puts into CloudWatch what is looked at there and nothing more, so each series is in an alarm or a policy. */
function customMetrics(resources: readonly PlannedResource[]): Line[] {
  const metrics = resources.flatMap(({ type, inputs }) => {
    if (type === 'aws:cloudwatch/metricAlarm:MetricAlarm') return alarmMetrics(inputs)
    return type === 'aws:appautoscaling/policy:Policy' ? policyMetrics(inputs) : []
  })
  const own = metrics.filter(({ namespace }) => namespace.startsWith('feira/'))
  const series = new Set(own.map(metric => JSON.stringify(metric)))
  return [line('Observability', 'Metrics of the services', series.size, prices.customMetric)]
}

function line(group: Group, what: string, count: number, price: Price): Line {
  return { group, what, count, price }
}

function tasksOf(resources: readonly PlannedResource[]): number {
  const services = resources.filter(({ type }) => type === 'aws:ecs/service:Service')
  return services.reduce((sum, { inputs }) => sum + numberIn(inputs, 'desiredCount'), 0)
}

function countOf(resources: readonly PlannedResource[], type: string): number {
  return resources.filter(resource => resource.type === type).length
}

/** The one that is so called, or whose ARN ends with that name. */
function named(resources: readonly PlannedResource[], type: string, nameOrArn: string): PlannedResource {
  const name = nameOrArn.split('/').at(-1)
  const found = resources.find(resource => resource.type === type && resource.name === name)
  if (found === undefined) throw new Error(`There is no ${type} ${nameOrArn}`)
  return found
}

function priceOf<Found>(table: Readonly<Record<string, Found>>, name: string): Found {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found === undefined) throw new UnpricedError(`is of a kind that has no price here: ${name}`)
  return found
}

type Fields = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordIn(fields: Fields, name: string): Fields {
  const value = fields[name]
  if (!isRecord(value)) throw new Error(`${name} is not an object`)
  return value
}

function listIn(fields: Fields, name: string): Fields[] {
  const value = fields[name]
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`)
  return value as Fields[]
}

function textIn(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Error(`${name} is not a text`)
  return value
}

function numberIn(fields: Fields, name: string, otherwise?: number): number {
  const value = fields[name] ?? otherwise
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number' || Number.isNaN(number)) throw new Error(`${name} is not a number`)
  return number
}
