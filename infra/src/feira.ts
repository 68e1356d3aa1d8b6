import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { Alarms } from './alarms/alarms.ts'
import type { App } from './apps.ts'
import { Broker, brokerPort } from './broker.ts'
import { Cache, cachePort } from './cache.ts'
import { Collector, otlpPort } from './collector.ts'
import type { StackConfig } from './config.ts'
import { Database, DatabaseSettings, postgresPort } from './database.ts'
import { encryptionKey } from './encryption-key.ts'
import { environmentOf, secretsOf } from './environment.ts'
import { FargateService } from './fargate-service.ts'
import { FargateTask } from './fargate-task.ts'
import { Gateway, statusPort } from './gateway.ts'
import { BuiltImage } from './images.ts'
import { Network } from './network.ts'
import { password } from './password.ts'
import { deployedTo } from './place.ts'
import type { Platform } from './platform.ts'
import { allow, allowOutside } from './security-group.ts'
import { ServiceSecret } from './service-secret.ts'
import { setupRun } from './setup/setup-run.ts'

export interface FeiraArgs {
  readonly stack: string
  readonly config: StackConfig
  readonly apps: readonly App[]
  /** The certificates of the authorities of RDS, by region. */
  readonly rdsCertificates: (region: string) => Promise<string>
}

/** All of Feira on AWS. */
export class Feira extends pulumi.ComponentResource {
  readonly url: string
  /** Where the load balancer is, for who keeps the domain's addresses elsewhere. */
  readonly address: pulumi.Output<string>

  constructor(
    name: string,
    { stack, config, apps, rdsCertificates }: FeiraArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:Feira', name, {}, options)
    const child = { parent: this }
    const place = deployedTo(child)

    const key = encryptionKey(stack, place, child)
    const keyArn = key.arn
    const logging = { stack, keyArn, days: config.logDays }
    const network = new Network('network', config, place, logging, child)
    const cluster = new aws.ecs.Cluster(
      'cluster',
      { name: `feira-${stack}`, settings: [{ name: 'containerInsights', value: 'disabled' }] },
      child,
    )
    const namespace = new aws.servicediscovery.HttpNamespace(
      'namespace',
      { name: `feira-${stack}`, description: 'Names of services' },
      child,
    )
    const platform: Platform = { stack, place, config, network, cluster, namespace, keyArn, logging }

    const broker = new Broker('broker', stack, config, network, child)
    const cache = new Cache('cache', stack, config, network, keyArn, child)
    const services = [...new Set(apps.map(app => app.service.name))]
    const ownDatabases = services.filter(service => config.databaseUrls[service] === undefined)
    const databases = new Map<string, Database>()
    if (ownDatabases.length > 0) {
      const settings = new DatabaseSettings('databases', network.dataSubnetIds, child)
      for (const service of ownDatabases) {
        const args = { stack, config, settings, vpcId: network.vpcId, keyArn, logging }
        databases.set(service, new Database(service, args, child))
      }
    }
    const databaseCa = databases.size === 0 ? undefined : place.region.apply(rdsCertificates)

    const registry = { stack, config, keyArn, login: aws.ecr.getAuthorizationTokenOutput({}, child) }
    const folders = [...new Set(apps.map(app => app.folder))]
    const images = new Map(
      folders.map(folder => [folder, new BuiltImage(folder, `${folder}/Dockerfile`, registry, child)]),
    )
    const gatewayImage = new BuiltImage('kong', 'docker/kong/Dockerfile', registry, child)

    const collector = new Collector('collector', platform, child)
    const authKeySecret = password('auth-key', 48, child)
    const adminPassword = password('admin', 24, child)

    const tasks = apps.map(app => {
      const { service } = app
      const image = images.get(app.folder)
      const database = databases.get(service.name)
      const databaseUrl = database?.url ?? config.databaseUrls[service.name]
      if (image === undefined || databaseUrl === undefined) throw new Error(`${app.name} has no image or no database`)
      const task = new FargateTask(
        app.name,
        {
          platform,
          image: image.ref,
          repositoryArn: image.repositoryArn,
          size: config.services[app.name] ?? config.tasks,
          ...(app.command === undefined ? {} : { command: app.command }),
          port: service.port,
          environment: environmentOf(app, config, database === undefined ? undefined : databaseCa, collector.url),
          secret: new ServiceSecret(
            app.name,
            stack,
            secretsOf(app, config, {
              databaseUrl,
              brokerUrl: broker.url,
              cacheUrl: cache.url,
              authKeySecret,
              adminPassword,
            }),
            keyArn,
            child,
          ),
          health: ['CMD', 'node', 'docker/probe.mjs', `http://127.0.0.1:${service.port}/live`],
          metrics: { service: service.name, port: service.port, path: '/metrics' },
        },
        child,
      )
      // Parts of the task, so that nothing that waits for it begins before its ways are open.
      const ways = { parent: task }
      const end = { name: app.name, group: task.group }
      allow(end, { name: 'broker', group: broker.group }, brokerPort, ways)
      allow(end, { name: 'cache', group: cache.group }, cachePort, ways)
      allow(end, { name: 'collector', group: collector.task.group }, otlpPort, ways)
      allow({ name: 'collector', group: collector.task.group }, end, service.port, ways)
      if (database === undefined) allowOutside(end, postgresPort, ways)
      else allow(end, { name: `${service.name}-database`, group: database.group }, postgresPort, ways)
      allowOutside(end, app.callsAnywhere ? 'any' : 443, ways)
      return { app, task, end }
    })

    // A message published before its reader's queue exists would have to wait, so every setup precedes every service.
    const setups = tasks
      .filter(({ app }) => app.command === undefined)
      .map(({ app, task }) =>
        setupRun(app.name, task, platform, { ...child, dependsOn: [network, task, broker, ...databases.values()] }),
      )
    // A task finds those names alone that its stack had when it began, hence in this order: the collector, the issuer of
    // tokens, whom everybody asks for its keys, the others, the gateway.
    const serve = (served: (typeof tasks)[number], after: readonly pulumi.Resource[]) =>
      new FargateService(
        served.app.name,
        {
          platform,
          task: served.task,
          port: served.app.service.port,
          alias: served.app.name,
          count: config.services[served.app.name] ?? config.tasks,
          ...(served.app.service.consumers.length > 0 ? { scalesByBacklog: { service: served.app.service.name } } : {}),
          after: [...setups, ...after],
        },
        child,
      )
    const isIssuer = ({ app }: (typeof tasks)[number]) => app.name === 'app-users'
    const issuers = tasks.filter(isIssuer)
    const others = tasks.filter(task => !isIssuer(task))
    for (const { app, end } of issuers)
      for (const other of others) allow(other.end, end, app.service.port, { parent: other.task })
    const issuing = issuers.map(task => serve(task, [collector]))
    const serving = others.map(task => serve(task, issuing))

    const gateway = new Gateway('gateway', { platform, image: gatewayImage, after: [...issuing, ...serving] }, child)
    const ways = { parent: gateway.task }
    const front = { name: 'gateway', group: gateway.task.group }
    allow(front, { name: 'collector', group: collector.task.group }, otlpPort, ways)
    allow({ name: 'collector', group: collector.task.group }, front, statusPort, ways)
    for (const { app, end } of tasks) {
      if (app.service.paths.length > 0) allow(front, end, app.service.port, ways)
    }

    new Alarms(
      'alarms',
      {
        platform,
        services: [
          ...apps.map(app => ({
            name: app.name,
            label: app.service.name,
            asked: app.service.paths.length > 0,
            count: config.services[app.name] ?? config.tasks,
          })),
          { name: 'gateway', asked: false, count: config.gateway },
          { name: 'collector', asked: false, count: { min: 1, max: 1 } },
        ],
        gateway,
        databases,
        broker,
      },
      child,
    )

    this.url = gateway.url
    this.address = gateway.loadBalancer.dnsName
    this.registerOutputs({ url: this.url })
  }
}
