import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { freeOfCharge, littleTraffic, monthlyCost, UnpricedError, type MonthlyCost } from './cost.ts'
import { plan, type PlannedResource } from './plan.ts'
import { prices, type Price } from './prices.ts'

let dev: PlannedResource[]
let prod: PlannedResource[]

beforeAll(async () => {
  dev = await plan('dev')
  prod = await plan('prod')
}, 300_000)

function resource(type: string, inputs: Record<string, unknown>, name = 'one'): PlannedResource {
  return { urn: `urn:${name}`, type, name, parent: undefined, inputs, dependencies: [] }
}

function itemOf(cost: MonthlyCost, what: string) {
  const found = cost.items.find(item => item.what === what)
  if (found === undefined) throw new Error(`There is no ${what} among ${cost.items.map(item => item.what).join(', ')}`)
  return found
}

const database = {
  engine: 'postgres',
  storageType: 'gp3',
  instanceClass: 'db.t4g.micro',
  allocatedStorage: 20,
  multiAz: false,
  backupRetentionPeriod: 7,
}
const databaseType = 'aws:rds/instance:Instance'

describe('what has a price', () => {
  test('everything that is planned has one, or is known to be free', () => {
    expect(monthlyCost(dev).total).toBeGreaterThan(100)
    expect(monthlyCost(prod).total).toBeGreaterThan(monthlyCost(dev).total)
  })

  test('nothing is called free that is not planned, but for what only some configurations have', () => {
    const planned = new Set([...dev, ...prod].map(({ type }) => type))
    const others = [...freeOfCharge.keys()].filter(type => !planned.has(type))
    expect(others).toEqual(['aws:sns/topicSubscription:TopicSubscription'])
  })

  test('a resource of another type is refused, by name, together with what else has none', () => {
    const strangers = [
      resource('aws:opensearch/domain:Domain', {}, 'search'),
      resource(databaseType, { ...database, instanceClass: 'db.x9.huge' }, 'huge'),
    ]
    expect(() => monthlyCost(strangers)).toThrow(UnpricedError)
    expect(() => monthlyCost(strangers)).toThrow(
      /Domain search has no price[^]*Instance huge is of a kind[^]*db\.x9\.huge/,
    )
  })

  test.each([
    ['aws:ec2/vpcEndpoint:VpcEndpoint', { vpcEndpointType: 'Interface' }],
    ['aws:lb/loadBalancer:LoadBalancer', { loadBalancerType: 'network', subnets: [] }],
    ['aws:ecs/cluster:Cluster', { settings: [{ name: 'containerInsights', value: 'enhanced' }] }],
    [databaseType, { ...database, storageType: 'io2' }],
    [databaseType, { ...database, engine: 'oracle-ee' }],
    [databaseType, { ...database, performanceInsightsRetentionPeriod: 731 }],
    [
      'aws:mq/broker:Broker',
      { engineType: 'RabbitMQ', hostInstanceType: 'mq.m5.large', deploymentMode: 'SINGLE_INSTANCE' },
    ],
    ['aws:elasticache/replicationGroup:ReplicationGroup', { engine: 'redis', nodeType: 'cache.t4g.micro' }],
    ['aws:appautoscaling/policy:Policy', { policyType: 'StepScaling' }],
  ])('%s of a kind that is charged differently is refused: %j', (type, inputs) => {
    expect(() => monthlyCost([resource(type, inputs)])).toThrow(UnpricedError)
  })

  test('every price says where it is from, and since when', () => {
    const all = (table: object): Price[] =>
      Object.values(table).flatMap((entry: object) => ('usd' in entry ? [entry as Price] : all(entry)))
    expect(all(prices).length).toBeGreaterThan(30)
    for (const price of all(prices)) {
      expect(price.usd).toBeGreaterThan(0)
      expect(price.source).toMatch(/^(https:\/\/\S+|a bill \(.+\))$/)
      expect(new Date(price.on).toISOString().slice(0, 10)).toBe(price.on)
    }
  })
})

describe('how much of it', () => {
  test('processors and memory of as many tasks as run at the least', () => {
    const cost = monthlyCost(prod)
    // Gateway 3 × 1, collector 1, orders and queries 3 × 1 each, six others 2 × 0.5.
    expect(itemOf(cost, 'Fargate processors (X86_64)')).toMatchObject({ count: 3 + 1 + 6 + 6 })
    expect(itemOf(cost, 'Fargate memory, GiB (X86_64)').count).toBe(2 * (3 + 1 + 6 + 6))
    expect(itemOf(cost, 'Fargate processors (X86_64)').monthly).toBeCloseTo(16 * 0.04048 * 730, 6)
  })

  test('processors of ARM are cheaper', () => {
    const arm = dev.map(planned =>
      planned.type === 'aws:ecs/taskDefinition:TaskDefinition'
        ? { ...planned, inputs: { ...planned.inputs, runtimePlatform: { cpuArchitecture: 'ARM64' } } }
        : planned,
    )
    const saved = monthlyCost(dev).total - monthlyCost(arm).total
    expect(saved).toBeCloseTo((2.75 * (0.04048 - 0.03238) + 5.5 * (0.004445 - 0.00356)) * 730, 6)
  })

  test('a database in two zones is two instances and twice the storage', () => {
    const one = monthlyCost([resource(databaseType, database)])
    const two = monthlyCost([resource(databaseType, { ...database, multiAz: true })])
    expect(one.total).toBeCloseTo(0.017 * 730 + 20 * 0.127, 6)
    expect(two.total).toBeCloseTo(2 * one.total, 6)
  })

  test('backups are free up to the size of the storage', () => {
    const cost = monthlyCost([resource(databaseType, { ...database, backupRetentionPeriod: 35 })], {
      ...littleTraffic,
      databaseFull: 1,
      databaseChanges: 0.1,
    })
    expect(itemOf(cost, 'RDS backups, GB').count).toBeCloseTo(20 * 3.5, 6)
    const items = monthlyCost([resource(databaseType, database)]).items.map(({ what }) => what)
    expect(items).not.toContain('RDS backups, GB')
  })

  test('a cluster of the broker is three nodes with a disk each', () => {
    const cost = monthlyCost(prod)
    expect(itemOf(cost, 'Amazon MQ nodes, mq.m7g.large').count).toBe(3)
    expect(itemOf(cost, 'Amazon MQ storage, GB').count).toBe(45)
    expect(itemOf(monthlyCost(dev), 'Amazon MQ storage, GB').count).toBe(200)
  })

  test('a cache with a replica is two nodes', () => {
    expect(itemOf(monthlyCost(prod), 'ElastiCache nodes, cache.m7g.large').count).toBe(2)
  })

  test('addresses are those of NAT gateways, and of the load balancer in each zone', () => {
    expect(itemOf(monthlyCost(dev), 'Public IPv4 addresses').count).toBe(1 + 2)
    expect(itemOf(monthlyCost(prod), 'Public IPv4 addresses').count).toBe(3 + 3)
  })

  test('what passes NAT does not become more with the gateways', () => {
    const { natOfTask } = littleTraffic
    expect(itemOf(monthlyCost(prod), 'NAT, GB').count).toBeCloseTo(natOfTask * (3 + 1 + 6 + 6 * 2), 6)
  })

  test('an alarm costs as much as the metrics in its expression', () => {
    const type = 'aws:cloudwatch/metricAlarm:MetricAlarm'
    const metric = (metricName: string) => ({ metric: { namespace: 'AWS/ECS', metricName, dimensions: {} } })
    const alarms = [
      resource(type, { namespace: 'AWS/ECS', metricName: 'a', dimensions: {} }),
      resource(type, { metricQueries: [{ expression: 'a / b' }, metric('a'), metric('b')] }),
    ]
    expect(itemOf(monthlyCost(alarms), 'Metrics of alarms').count).toBe(3)
  })

  test('a policy keeps two alarms, on every metric of its expression', () => {
    const policies = dev.filter(({ type }) => type === 'aws:appautoscaling/policy:Policy')
    const byBacklog = policies.filter(({ name }) => name.endsWith('-backlog')).length
    expect(byBacklog).toBeGreaterThan(0)
    expect(itemOf(monthlyCost(dev), 'Metrics of auto-scaling').count).toBe(2 * (policies.length + byBacklog))
  })

  test('a series that several alarms look at is one metric', () => {
    const type = 'aws:cloudwatch/metricAlarm:MetricAlarm'
    const own = { namespace: 'feira/dev', metricName: 'queue_messages', dimensions: { service: 'orders' } }
    const alarms = [
      resource(type, own),
      resource(type, { ...own, threshold: 5 }),
      resource(type, { ...own, dimensions: { service: 'users' } }),
      resource(type, { ...own, namespace: 'AWS/RDS' }),
    ]
    expect(itemOf(monthlyCost(alarms), 'Metrics of the services').count).toBe(2)
  })

  test('the total is the sum of the items', () => {
    const { items, total } = monthlyCost(prod)
    expect(items.reduce((sum, item) => sum + item.count * item.unitPrice, 0)).toBeCloseTo(total, 6)
  })
})

describe('COSTS.md', () => {
  const file = readFileSync(new URL('../../COSTS.md', import.meta.url), 'utf8')
  test('it names the oldest and the newest day of its prices', () => {
    const days = [...JSON.stringify(prices).matchAll(/"on":"([^"]+)"/g)].map(([, day]) => day ?? '').toSorted()
    expect(file).toContain(`between ${days[0]} and ${days.at(-1)}`)
  })

  test('it tells every assumption with its number', () => {
    for (const [name, number] of Object.entries(littleTraffic)) {
      const shown = name.startsWith('database') ? `${number * 100} %` : `${number} `
      expect(file, `${name} is ${number}`).toContain(shown)
    }
  })
})
