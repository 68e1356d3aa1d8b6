import { beforeAll, describe, expect, test } from 'vitest'
import { plan, Secret, type PlannedResource } from '../src/plan/plan.ts'
import type { Container, Resource } from './resource.ts'
import { rules, stackRules } from './rules.ts'

let dev: readonly Resource[]
let prod: readonly Resource[]

beforeAll(async () => {
  dev = (await plan('dev')).map(judged)
  prod = (await plan('prod')).map(judged)
}, 240_000)

/** As the policy engine sees it: secrets opened. */
function judged({ urn, type, name, inputs }: PlannedResource): Resource {
  return { urn, type, name, props: opened(inputs) as Record<string, unknown> }
}

function opened(value: unknown): unknown {
  if (value instanceof Secret) return opened(value.value)
  if (Array.isArray(value)) return value.map(opened)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, opened(entry)]))
}

/** Every problem as `<rule>: <what>`. */
function problemsOf(resources: readonly Resource[]): string[] {
  return [
    ...rules.flatMap(rule =>
      resources.flatMap(resource => rule.check(resource).map(problem => `${rule.name}: ${resource.name} ${problem}`)),
    ),
    ...stackRules.flatMap(rule => rule.check(resources).map(problem => `${rule.name}: ${problem}`)),
  ]
}

test('both stacks keep every rule', () => {
  expect(dev.length).toBeGreaterThan(500)
  expect(prod.length).toBeGreaterThan(500)
  expect(problemsOf(dev)).toEqual([])
  expect(problemsOf(prod)).toEqual([])
})

type Break = (resources: readonly Resource[]) => readonly Resource[]

/** Changes properties of one resource that there must be. */
const set =
  (type: string, name: string, change: Record<string, unknown>): Break =>
  resources =>
    replaced(resources, type, name, resource => ({ ...resource, props: { ...resource.props, ...change } }))

const without =
  (type: string, name: string): Break =>
  resources => {
    const rest = resources.filter(resource => !(resource.type === type && resource.name === name))
    expect(rest).toHaveLength(resources.length - 1)
    return rest
  }

const added =
  (type: string, name: string, props: Record<string, unknown> = {}): Break =>
  resources => [...resources, { urn: `urn:${name}`, type, name, props }]

const container =
  (task: string, change: (container: Container) => Partial<Container> | Record<string, unknown>): Break =>
  resources =>
    replaced(resources, taskDefinition, task, resource => {
      const [first] = JSON.parse(String(resource.props['containerDefinitions'])) as [Container]
      const containerDefinitions = JSON.stringify([{ ...first, ...change(first) }])
      return { ...resource, props: { ...resource.props, containerDefinitions } }
    })

/** Changes a statement of a policy, given as text, that one resource has. */
const statement =
  (type: string, name: string, change: Record<string, unknown>): Break =>
  resources =>
    replaced(resources, type, name, resource => {
      const policy = JSON.parse(String(resource.props['policy'])) as { Statement: Record<string, unknown>[] }
      const Statement = policy.Statement.map((old, index) => (index === 0 ? { ...old, ...change } : old))
      return { ...resource, props: { ...resource.props, policy: JSON.stringify({ ...policy, Statement }) } }
    })

function replaced(
  resources: readonly Resource[],
  type: string,
  name: string,
  change: (resource: Resource) => Resource,
): readonly Resource[] {
  const found = resources.filter(resource => resource.type === type && resource.name === name)
  expect(found, `${type} ${name}`).toHaveLength(1)
  return resources.map(resource => (resource === found[0] ? change(resource) : resource))
}

const taskDefinition = 'aws:ecs/taskDefinition:TaskDefinition'
const service = 'aws:ecs/service:Service'
const instance = 'aws:rds/instance:Instance'
const ingress = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule'
const rolePolicy = 'aws:iam/rolePolicy:RolePolicy'

const broken: readonly { readonly rule: string; readonly variants: readonly (readonly [string, Break, RegExp])[] }[] = [
  {
    rule: 'only-the-load-balancer-is-public',
    variants: [
      [
        'a public database',
        set(instance, 'orders-database', { publiclyAccessible: true }),
        /orders-database.*publicly/,
      ],
      ['a database that does not say', set(instance, 'orders-database', { publiclyAccessible: undefined }), /publicly/],
      ['a public broker', set('aws:mq/broker:Broker', 'broker', { publiclyAccessible: true }), /broker.*publicly/],
      [
        'a task with a public address',
        set(service, 'app-orders', { networkConfiguration: { assignPublicIp: true } }),
        /app-orders.*assignPublicIp/,
      ],
      [
        'a second public load balancer',
        added('aws:lb/loadBalancer:LoadBalancer', 'other', { internal: false }),
        /public load/,
      ],
      [
        'a port open to everybody',
        added(ingress, 'app-orders-from-anywhere', { cidrIpv4: '0.0.0.0/0', fromPort: 3333, toPort: 3333 }),
        /lets everybody in/,
      ],
      [
        'a port open to half of the internet',
        added(ingress, 'app-orders-from-many', { cidrIpv4: '128.0.0.0/1', fromPort: 3333, toPort: 3333 }),
        /lets everybody in/,
      ],
      [
        'a port open by IPv6',
        added(ingress, 'broker-from-anywhere', { cidrIpv6: '::/0', fromPort: 5671, toPort: 5671 }),
        /lets everybody in/,
      ],
      [
        'the load balancer at another port',
        set(ingress, 'load-balancer-from-anywhere-80', { fromPort: 22, toPort: 22 }),
        /lets everybody in/,
      ],
      [
        'a security group with rules of its own',
        set('aws:ec2/securityGroup:SecurityGroup', 'broker', { ingress: [{ cidrBlocks: ['0.0.0.0/0'] }] }),
        /broker has rules/,
      ],
      [
        'a subnet that gives public addresses',
        set('aws:ec2/subnet:Subnet', 'network-private-1', { mapPublicIpOnLaunch: true }),
        /public addresses/,
      ],
      ['an address for something else', added('aws:ec2/eip:Eip', 'other', { instance: 'i-1' }), /NAT/],
      ['a function with a URL', added('aws:lambda/functionUrl:FunctionUrl', 'other'), /is public by what it is/],
    ],
  },
  {
    rule: 'buckets-are-closed',
    variants: [
      [
        'a bucket without a block',
        without('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', 'gateway-access-logs'),
        /gateway-access-logs/,
      ],
      [
        'a bucket with half a block',
        set('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', 'gateway-access-logs', {
          blockPublicPolicy: false,
        }),
        /gateway-access-logs/,
      ],
    ],
  },
  {
    rule: 'storage-is-encrypted',
    variants: [
      ['a database', set(instance, 'users-database', { storageEncrypted: false }), /users-database.*storageEncrypted/],
      ["a database with AWS's key", set(instance, 'users-database', { kmsKeyId: undefined }), /kmsKeyId/],
      [
        'databases without TLS',
        set('aws:rds/parameterGroup:ParameterGroup', 'databases', { parameters: [] }),
        /without TLS/,
      ],
      [
        'a cache',
        set('aws:elasticache/replicationGroup:ReplicationGroup', 'cache', { atRestEncryptionEnabled: false }),
        /atRest/,
      ],
      [
        'a cache without TLS',
        set('aws:elasticache/replicationGroup:ReplicationGroup', 'cache', { transitEncryptionEnabled: false }),
        /transit/,
      ],
      [
        'a cache without a password',
        set('aws:elasticache/replicationGroup:ReplicationGroup', 'cache', { authToken: undefined }),
        /authToken/,
      ],
      [
        'a log',
        set('aws:cloudwatch/logGroup:LogGroup', 'app-orders', { kmsKeyId: undefined }),
        /app-orders has no kmsKeyId/,
      ],
      [
        'images',
        set('aws:ecr/repository:Repository', 'app-orders', { encryptionConfigurations: undefined }),
        /app-orders is not encrypted/,
      ],
      ['alarms', set('aws:sns/topic:Topic', 'alarms', { kmsMasterKeyId: undefined }), /alarms has no kms/],
      [
        'a secret',
        set('aws:secretsmanager/secret:Secret', 'app-orders', { kmsKeyId: undefined }),
        /app-orders has no kms/,
      ],
      ['a key that stays', set('aws:kms/key:Key', 'key', { enableKeyRotation: false }), /enableKeyRotation/],
      ['a cache of the kind that cannot be', added('aws:elasticache/cluster:Cluster', 'other'), /cannot be encrypted/],
      [
        'HTTP that is answered',
        set('aws:lb/listener:Listener', 'http', { defaultActions: [{ type: 'forward' }] }),
        /without TLS/,
      ],
    ],
  },
  {
    rule: 'buckets-are-encrypted',
    variants: [
      [
        'a bucket that does not say how',
        without(
          'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
          'gateway-access-logs',
        ),
        /gateway-access-logs/,
      ],
    ],
  },
  {
    rule: 'wildcards-have-a-reason',
    variants: [
      ['a resource', statement(rolePolicy, 'collector-task', { Sid: undefined }), /allows \* without a reason/],
      [
        'an action',
        statement(rolePolicy, 'collector-task', { Sid: undefined, Action: 'ecs:*', Resource: 'arn:x' }),
        /ecs:\* without/,
      ],
      [
        'part of a resource',
        statement(rolePolicy, 'network-flows', { Sid: 'FlowLogs' }),
        /log-stream:\* without a reason/,
      ],
      ['a reason that is none', statement(rolePolicy, 'collector-task', { Sid: 'Because' }), /without a reason/],
      [
        'all but something',
        statement(rolePolicy, 'collector-task', {
          Sid: undefined,
          Resource: 'arn:x',
          Action: undefined,
          NotAction: 'iam:*',
        }),
        /all but/,
      ],
      [
        'everybody',
        statement('aws:s3/bucketPolicy:BucketPolicy', 'gateway-access-logs', { Principal: '*' }),
        /everybody/,
      ],
      ['everybody, in a list', statement('aws:kms/key:Key', 'key', { Principal: { AWS: ['*'] } }), /everybody/],
      ['a long-lived key', added('aws:iam/accessKey:AccessKey', 'other'), /long-lived/],
      [
        'all of AWS',
        added('aws:iam/rolePolicyAttachment:RolePolicyAttachment', 'other', {
          policyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
        }),
        /AdministratorAccess/,
      ],
    ],
  },
  {
    rule: 'secrets-are-not-plain',
    variants: [
      [
        'a password in the environment',
        container('app-users', ({ environment = [] }) => ({
          environment: [...environment, { name: 'ADMIN_PASSWORD', value: 'geheim' }],
        })),
        /ADMIN_PASSWORD in plain/,
      ],
      [
        'a password in an address',
        container('app-orders', ({ environment = [] }) => ({
          environment: [...environment, { name: 'DATABASE_URL', value: 'postgres://a:b@c/d' }],
        })),
        /DATABASE_URL in plain/,
      ],
      [
        'a password in a label',
        container('app-orders', () => ({ dockerLabels: { source: 'amqps://a:b@c' } })),
        /in its definition/,
      ],
      [
        'a password in a command',
        container('app-orders', () => ({ command: ['--db', 'postgres://a:b@c/d'] })),
        /in its definition/,
      ],
    ],
  },
  {
    rule: 'containers-are-kept',
    variants: [
      ['no health check', container('app-orders', () => ({ healthCheck: undefined })), /no health check/],
      ['no limits', container('app-orders', () => ({ memory: undefined })), /no limits/],
      ['no limit of the task', set(taskDefinition, 'app-orders', { memory: undefined }), /no limit of memory/],
      ['no log', container('app-orders', () => ({ logConfiguration: undefined })), /no log/],
      ['a file system to write to', container('app-orders', () => ({ readonlyRootFilesystem: false })), /may write/],
      ['privileges', container('app-orders', () => ({ privileged: true })), /privileged/],
      [
        'an image that changes',
        container('collector', () => ({ image: 'public.ecr.aws/x/y:latest' })),
        /another tomorrow/,
      ],
      ['an image without a tag', container('collector', () => ({ image: 'public.ecr.aws/x/y' })), /another tomorrow/],
    ],
  },
  {
    rule: 'logs-are-forgotten',
    variants: [
      ['never', set('aws:cloudwatch/logGroup:LogGroup', 'app-orders', { retentionInDays: undefined }), /for ever/],
    ],
  },
  {
    rule: 'databases-are-backed-up',
    variants: [['never', set(instance, 'orders-database', { backupRetentionPeriod: 0 }), /no backups/]],
  },
  {
    rule: 'deployments-roll-back',
    variants: [
      ['no circuit breaker', set(service, 'app-orders', { deploymentCircuitBreaker: undefined }), /no circuit breaker/],
      [
        'one that stays',
        set(service, 'app-orders', { deploymentCircuitBreaker: { enable: true, rollback: false } }),
        /no circuit breaker/,
      ],
      [
        'old tasks stopped at once',
        set(service, 'app-orders', { deploymentMinimumHealthyPercent: 0 }),
        /stops old tasks/,
      ],
    ],
  },
  {
    rule: 'services-are-watched',
    variants: [
      [
        'one that does not scale',
        without('aws:appautoscaling/target:Target', 'app-orders'),
        /app-orders does not scale/,
      ],
      [
        'one without an alarm',
        without('aws:cloudwatch/metricAlarm:MetricAlarm', 'app-orders-ServiceDown'),
        /app-orders has no alarm/,
      ],
      [
        'an alarm that nobody is told of',
        set('aws:cloudwatch/metricAlarm:MetricAlarm', 'app-orders-ServiceDown', { alarmActions: [] }),
        /app-orders has no alarm/,
      ],
    ],
  },
  {
    rule: 'every-app-runs',
    variants: [['an app without a service', without(service, 'app-queries'), /app-queries has no service/]],
  },
  {
    rule: 'agrees-with-the-apps',
    variants: [
      [
        'another port',
        container('app-orders', () => ({ portMappings: [{ containerPort: 3000 }] })),
        /opens 3000 and not its port 3333/,
      ],
      [
        'a health check at another port',
        container('app-orders', () => ({ healthCheck: { command: ['x', 'http://127.0.0.1:1/live'] } })),
        /asked for its health/,
      ],
      ['too little time to stop', container('app-orders', () => ({ stopTimeout: 20 })), /killed before its own limit/],
      ['workers that serve', container('notification-workers', () => ({ command: undefined })), /runs undefined/],
      [
        'an unknown variable',
        container('app-orders', ({ environment = [] }) => ({
          environment: [...environment, { name: 'ORDER_DEADLINE', value: '1h' }],
        })),
        /ORDER_DEADLINE, which it does not read/,
      ],
      [
        'a wrong value',
        container('app-orders', ({ environment = [] }) => ({
          environment: [...environment, { name: 'CACHE_TTL', value: 'long' }],
        })),
        /CACHE_TTL/,
      ],
      [
        'a variable that production needs',
        container('app-partners', ({ environment = [] }) => ({
          environment: environment.filter(({ name }) => name !== 'WEBHOOK_PRIVATE_TARGETS'),
        })),
        /WEBHOOK_PRIVATE_TARGETS/,
      ],
      [
        'a secret that is not given',
        container('app-users', ({ secrets = [] }) => ({
          secrets: secrets.filter(({ name }) => name !== 'DATABASE_URL'),
        })),
        /DATABASE_URL/,
      ],
      [
        'another name',
        set(service, 'app-orders', {
          serviceConnectConfiguration: { services: [{ clientAlias: [{ dnsName: 'orders', port: 3333 }] }] },
        }),
        /cannot be called as app-orders:3333/,
      ],
    ],
  },
]

describe.each(broken)('$rule', ({ rule, variants }) => {
  test.each(variants)('refuses %s', (_, broken, message) => {
    const problems = problemsOf(broken(dev))
    expect(problems.filter(problem => problem.startsWith(`${rule}: `)).join('\n')).toMatch(message)
  })
})

test('every rule is broken by a variant', () => {
  const names = [...rules, ...stackRules].map(({ name }) => name)
  expect(broken.map(({ rule }) => rule).toSorted()).toEqual(names.toSorted())
})
