import { globSync } from 'node:fs'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { Container } from '../policy/resource.ts'
import { apps } from './apps.ts'
import { plan, Secret, type PlannedResource } from './plan/plan.ts'

const stacks = new Map<string, readonly PlannedResource[]>()

// A plan makes hundreds of resources.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 })

beforeAll(async () => {
  for (const stack of ['dev', 'prod']) stacks.set(stack, await plan(stack))
})

const of = (stack: string, type: string) => (stacks.get(stack) ?? []).filter(resource => resource.type === type)
const one = (stack: string, type: string, name: string) => {
  const found = of(stack, type).filter(resource => resource.name === name)
  expect(found, `${type} ${name}`).toHaveLength(1)
  return found[0]?.inputs ?? {}
}
const service = 'aws:ecs/service:Service'
const taskDefinition = 'aws:ecs/taskDefinition:TaskDefinition'

function container(stack: string, name: string): Container {
  const [first] = JSON.parse(String(one(stack, taskDefinition, name)['containerDefinitions'])) as Container[]
  expect(first?.name).toBe(name)
  return first as Container
}

test('every folder of an app is deployed, and the workers beside them', () => {
  const folders = globSync('app-*', { cwd: new URL('../../', import.meta.url) })
  expect(folders.length).toBeGreaterThanOrEqual(7)
  expect(new Set(apps.map(({ folder }) => folder))).toEqual(new Set(folders))
  expect(
    of('dev', service)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual([...folders, 'notification-workers', 'gateway', 'collector'].toSorted())
})

describe.each(['dev', 'prod'])('the stack %s', stack => {
  test('keeps secrets in secrets', () => {
    const secrets = ['geheim', 'password-of-', 'token-of-ecr']
    const seen = (value: unknown, open: boolean): string[] => {
      if (value instanceof Secret) return open ? seen(value.value, open) : []
      if (typeof value === 'string') return secrets.filter(secret => value.includes(secret))
      if (typeof value !== 'object' || value === null) return []
      return Object.values(value).flatMap(entry => seen(entry, open))
    }
    const resources = stacks.get(stack) ?? []
    const leaking = resources.filter(({ inputs }) => seen(inputs, false).length > 0).map(({ urn }) => urn)
    expect(leaking).toEqual([])
    // They are there, so it was looked for something.
    const hidden = new Set(resources.flatMap(({ inputs }) => seen(inputs, true)))
    expect(hidden).toEqual(new Set(secrets))
  })

  test('sets up every service before any is replaced', () => {
    const setups = of(stack, 'command:local:Command')
    expect(setups.map(({ name }) => name).toSorted()).toEqual(
      apps
        .filter(({ command }) => command === undefined)
        .map(({ name }) => `${name}-setup`)
        .toSorted(),
    )
    for (const { name } of apps) {
      const [found] = of(stack, service).filter(resource => resource.name === name)
      expect(
        setups.filter(({ urn }) => !found?.dependencies.includes(urn)),
        name,
      ).toEqual([])
    }
    // And again whenever what would run changes.
    expect(setups.every(({ inputs }) => Array.isArray(inputs['triggers']) && inputs['triggers'].length === 1)).toBe(
      true,
    )
  })

  test('begins nothing before the ways that it needs are open', () => {
    const waits = (type: string, name: string) => {
      const [found] = of(stack, type).filter(resource => resource.name === name)
      return (found?.dependencies ?? []).map(urn => urn.replace(/^.*::/, ''))
    }
    expect(waits('command:local:Command', 'app-orders-setup')).toEqual(
      expect.arrayContaining([
        'app-orders-to-orders-database-5432',
        'orders-database-from-app-orders-5432',
        'app-orders-to-broker-5671',
        'broker-from-app-orders-5671',
        'app-orders-to-outside-443',
        'app-orders-execution',
        'network-private-1',
        'network-nat-1',
        'orders-database',
        'broker',
      ]),
    )
    expect(waits(service, 'app-orders')).toEqual(
      expect.arrayContaining(['app-users-from-app-orders-3335', 'app-orders-execution']),
    )
    expect(waits(service, 'gateway')).toEqual(
      expect.arrayContaining([
        'gateway-to-app-orders-3333',
        'app-orders-from-gateway-3333',
        'gateway-from-load-balancer-8000',
        'https',
      ]),
    )
  })

  test('starts those who are called before those who call', () => {
    const dependencies = (name: string) => {
      const [found] = of(stack, service).filter(resource => resource.name === name)
      return (found?.dependencies ?? [])
        .filter(urn => urn.includes(`${service}::`))
        .map(urn => urn.replace(/^.*::/, ''))
    }
    expect(dependencies('app-users')).toEqual(['collector'])
    expect(dependencies('app-orders')).toContain('app-users')
    expect(dependencies('gateway').toSorted()).toEqual(apps.map(({ name }) => name).toSorted())
  })

  test('gives each database to its own service alone', () => {
    const group = (name: string) => `${name}-id`
    const rules = of(stack, 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule').map(({ inputs }) => inputs)
    const databases = of(stack, 'aws:rds/instance:Instance')
    expect(databases).toHaveLength(new Set(apps.map(app => app.service.name)).size)
    for (const { name } of databases) {
      const callers = rules
        .filter(rule => rule['securityGroupId'] === group(name))
        .map(rule => String(rule['referencedSecurityGroupId']))
      const own = apps.filter(app => `${app.service.name}-database` === name).map(app => group(app.name))
      expect(callers.toSorted(), name).toEqual(own.toSorted())
    }
  })

  test('gives each service what only it may know', () => {
    const names = (name: string) => container(stack, name).secrets?.map(secret => secret.name) ?? []
    for (const { name } of apps)
      expect(names(name)).toEqual(expect.arrayContaining(['BROKER_URL', 'DATABASE_URL', 'REDIS_URL']))
    expect(apps.filter(({ name }) => names(name).includes('AUTH_KEY_SECRET')).map(({ name }) => name)).toEqual([
      'app-users',
    ])
    expect(apps.filter(({ name }) => names(name).includes('SMTP_URL')).map(({ name }) => name)).toEqual([
      'app-notifications',
      'notification-workers',
    ])
    const versions = apps.flatMap(({ name }) => container(stack, name).secrets ?? [])
    expect(versions.every(({ valueFrom }) => /:[A-Z_]+::[\da-f-]{36}$/.test(valueFrom))).toBe(true)
  })

  test('lets a program in a container ask nothing of AWS, but the collector', () => {
    const policies = of(stack, 'aws:iam/rolePolicy:RolePolicy').map(({ name }) => name)
    expect(policies.filter(name => name.endsWith('-task'))).toEqual(['collector-task'])
  })

  test('scales on processor, memory and backlog', () => {
    const policies = of(stack, 'aws:appautoscaling/policy:Policy').map(({ name }) => name)
    for (const { name, service: app } of apps) {
      const wanted = ['cpu', 'memory', ...(app.consumers.length > 0 ? ['backlog'] : [])].map(
        reason => `${name}-${reason}`,
      )
      expect(policies).toEqual(expect.arrayContaining(wanted))
    }
  })

  test('runs what was built, by its digest', () => {
    for (const { name } of [...apps, { name: 'gateway' }]) {
      expect(container(stack, name).image, name).toMatch(/\.dkr\.ecr\..*@sha256:[\da-f]{64}$/)
    }
  })

  test('fits into what ECS takes', () => {
    // A task definition may have 64 KiB.
    for (const { name, inputs } of of(stack, taskDefinition)) {
      expect(String(inputs['containerDefinitions']).length, name).toBeLessThan(48 * 1_024)
    }
  })
})

test('a cluster needs every part more than once', () => {
  expect(one('prod', 'aws:mq/broker:Broker', 'broker')['deploymentMode']).toBe('CLUSTER_MULTI_AZ')
  expect(one('prod', 'aws:elasticache/replicationGroup:ReplicationGroup', 'cache')['numCacheClusters']).toBeGreaterThan(
    1,
  )
  expect(of('prod', 'aws:rds/instance:Instance').every(({ inputs }) => inputs['multiAz'] === true)).toBe(true)
  expect(of('prod', 'aws:ec2/natGateway:NatGateway')).toHaveLength(3)
  const single = of('prod', service).filter(
    ({ name, inputs }) => name !== 'collector' && Number(inputs['desiredCount']) < 2,
  )
  expect(single.map(({ name }) => name)).toEqual([])
})

test('a database that is given is used, and none is made for it', async () => {
  const url = 'postgres://orders:geheim@ep-1.eu-central-1.aws.neon.tech/orders?sslmode=verify-full'
  const resources = await plan('dev', { secrets: { 'feira:ordersDatabaseUrl': url } })
  const databases = resources.filter(({ type }) => type === 'aws:rds/instance:Instance').map(({ name }) => name)
  expect(databases).toHaveLength(6)
  expect(databases).not.toContain('orders-database')
  const version = resources.find(({ type, name }) => type.endsWith(':SecretVersion') && name === 'app-orders')
  const secret = version?.inputs['secretString']
  expect(secret).toBeInstanceOf(Secret)
  expect(JSON.stringify(secret)).toContain('neon.tech')
  const ways = resources.filter(({ name }) => name === 'app-orders-to-outside-5432')
  expect(ways).toHaveLength(1)
})

test('Grafana Cloud gets traces and metrics when it is configured, and nobody learns its token', async () => {
  const resources = await plan('dev', {
    options: { 'feira:grafanaEndpoint': 'https://otlp.grafana.example/otlp', 'feira:grafanaInstance': '123' },
    secrets: { 'feira:grafanaToken': 'geheim-grafana' },
  })
  const definitions = new Map(
    resources
      .filter(({ type }) => type === taskDefinition)
      .map(({ name, inputs }): [string, Container | undefined] => [
        name,
        (JSON.parse(String(inputs['containerDefinitions'])) as Container[])[0],
      ]),
  )
  const variable = (task: string, name: string) =>
    definitions.get(task)?.environment?.find(entry => entry.name === name)?.value
  const config = JSON.parse(variable('collector', 'AOT_CONFIG_CONTENT') ?? '{}') as {
    service: { pipelines: Record<string, { exporters: string[] }> }
  }
  expect(config.service.pipelines['traces']?.exporters).toEqual(['otlphttp/grafana'])
  expect(config.service.pipelines['metrics']?.exporters).toEqual(['otlphttp/grafana'])
  expect(definitions.get('collector')?.secrets?.map(({ name }) => name)).toEqual(['GRAFANA_AUTHORIZATION'])
  expect(variable('app-orders', 'OTEL_EXPORTER_OTLP_ENDPOINT')).toBe('http://collector:4318')
  expect(variable('gateway', 'KONG_TRACING_INSTRUMENTATIONS')).toBe('all')
  const leaking = resources.filter(({ inputs }) => {
    const plain = JSON.stringify(inputs, (_, value: unknown) => (value instanceof Secret ? undefined : value))
    return plain.includes('geheim-grafana') || plain.includes(Buffer.from('123:geheim-grafana').toString('base64'))
  })
  expect(leaking.map(({ urn }) => urn)).toEqual([])
})

test('without protection everything can be taken away again', async () => {
  const resources = await plan('dev', { options: { 'feira:protect': false } })
  const inputs = (type: string) => resources.filter(resource => resource.type === type).map(resource => resource.inputs)
  expect(
    inputs('aws:rds/instance:Instance').every(
      ({ deletionProtection, skipFinalSnapshot }) => !deletionProtection && skipFinalSnapshot === false,
    ),
  ).toBe(true)
  expect(
    inputs('aws:lb/loadBalancer:LoadBalancer').every(({ enableDeletionProtection }) => !enableDeletionProtection),
  ).toBe(true)
  expect(inputs('aws:ecr/repository:Repository').every(({ forceDelete }) => forceDelete)).toBe(true)
  expect(inputs('aws:s3/bucket:Bucket').every(({ forceDestroy }) => forceDestroy)).toBe(true)
})
