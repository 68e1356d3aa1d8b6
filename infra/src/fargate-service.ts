import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { StackConfig, Tasks } from './config.ts'
import { logGroup, type Logging } from './log-group.ts'
import type { Network } from './network.ts'
import type { Statement } from './policy-document.ts'
import { securityGroup } from './security-group.ts'
import { serviceRole } from './service-role.ts'
import type { ServiceSecret } from './service-secret.ts'

/** What all services of a stack run in. */
export interface Platform {
  readonly stack: string
  readonly config: StackConfig
  readonly network: Network
  readonly cluster: aws.ecs.Cluster
  readonly namespace: aws.servicediscovery.HttpNamespace
  readonly keyArn: pulumi.Input<string>
  readonly logging: Logging
}

export interface FargateTaskArgs {
  readonly platform: Platform
  readonly image: pulumi.Input<string>
  /** Of the repository that the image is in; without it the image is public. */
  readonly repositoryArn?: pulumi.Input<string>
  readonly size: Pick<Tasks, 'cpu' | 'memory'>
  readonly command?: readonly string[]
  /** The port that others call, and how; and further ones, by name. */
  readonly port: number
  readonly protocol?: 'http' | 'grpc'
  readonly extraPorts?: Readonly<Record<string, number>>
  readonly environment: Readonly<Record<string, pulumi.Input<string>>>
  readonly secret?: ServiceSecret
  /** Asked in the container, as Docker's HEALTHCHECK is. */
  readonly health: readonly string[]
  /** Where the metrics are, for the collector to find. */
  readonly metrics?: { readonly service: string; readonly port: number; readonly path: string }
  /** Folders that are kept in memory and may be written to; the rest of the file system is read-only. */
  readonly writable?: readonly string[]
  /** What its program may ask of AWS; nothing by default. */
  readonly permissions?: readonly Statement[]
}

/** How long ECS waits between SIGTERM and SIGKILL, in seconds: longer than a service's own limits together. */
export const stopTimeout = 30

/** A task definition with its log group, its roles and its security group. */
export class FargateTask extends pulumi.ComponentResource {
  readonly definition: aws.ecs.TaskDefinition
  readonly group: aws.ec2.SecurityGroup
  readonly logs: aws.cloudwatch.LogGroup

  constructor(name: string, args: FargateTaskArgs, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:FargateTask', name, {}, options)
    const child = { parent: this }
    const { platform, secret, metrics } = args
    const { region } = aws.getRegionOutput({}, child)

    this.group = securityGroup(name, platform.network.vpcId, `tasks of ${name}`, child)
    this.logs = logGroup(name, `/feira/${platform.stack}/${name}`, platform.logging, child)

    // What ECS needs to start the task; the program in it cannot use it.
    const execution = serviceRole(`${name}-execution`, 'ecs-tasks.amazonaws.com', child, [
      {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [pulumi.interpolate`${this.logs.arn}:log-stream:*`],
        because: 'BecauseEachTaskHasAStreamOfItsOwn',
      },
      ...(args.repositoryArn === undefined
        ? []
        : [
            {
              actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
              resources: [args.repositoryArn],
            },
            {
              actions: ['ecr:GetAuthorizationToken'],
              resources: ['*'],
              because: 'BecauseTheTokenIsForNoRepositoryInParticular' as const,
            },
          ]),
      ...(secret === undefined
        ? []
        : [
            { actions: ['secretsmanager:GetSecretValue'], resources: [secret.arn] },
            { actions: ['kms:Decrypt'], resources: [platform.keyArn] },
          ]),
    ])
    const program = serviceRole(`${name}-task`, 'ecs-tasks.amazonaws.com', child, args.permissions ?? [])

    const container = {
      name,
      image: args.image,
      essential: true,
      ...(args.command === undefined ? {} : { command: args.command }),
      cpu: args.size.cpu - proxyShare.cpu,
      memory: args.size.memory - proxyShare.memory,
      portMappings: [
        { name: 'main', containerPort: args.port, protocol: 'tcp', appProtocol: args.protocol ?? 'http' },
        ...Object.entries(args.extraPorts ?? {}).map(([portName, containerPort]) => ({
          name: portName,
          containerPort,
          protocol: 'tcp',
        })),
      ],
      environment: Object.keys(args.environment)
        .toSorted()
        .map(variable => ({ name: variable, value: args.environment[variable] })),
      secrets: secret?.references ?? [],
      healthCheck: { command: args.health, interval: 10, timeout: 10, retries: 3, startPeriod: 120 },
      stopTimeout,
      readonlyRootFilesystem: true,
      linuxParameters: {
        capabilities: { drop: ['ALL'] },
        tmpfs: (args.writable ?? []).map(containerPath => ({ containerPath, size: 64 })),
      },
      dockerLabels:
        metrics === undefined
          ? {}
          : {
              FEIRA_SERVICE: metrics.service,
              FEIRA_METRICS_PORT: String(metrics.port),
              FEIRA_METRICS_PATH: metrics.path,
            },
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': this.logs.name,
          'awslogs-region': region,
          'awslogs-stream-prefix': 'task',
          // A log that CloudWatch does not take must not hold up the program.
          mode: 'non-blocking',
          'max-buffer-size': '4m',
        },
      },
    }
    this.definition = new aws.ecs.TaskDefinition(
      name,
      {
        family: `feira-${platform.stack}-${name}`,
        requiresCompatibilities: ['FARGATE'],
        networkMode: 'awsvpc',
        cpu: String(args.size.cpu),
        memory: String(args.size.memory),
        runtimePlatform: {
          operatingSystemFamily: 'LINUX',
          cpuArchitecture: platform.config.architecture.toUpperCase(),
        },
        executionRoleArn: execution.arn,
        taskRoleArn: program.arn,
        containerDefinitions: pulumi.jsonStringify([container]),
      },
      child,
    )
    this.registerOutputs({})
  }
}

/**
 * What Service Connect's proxy in each task is left: CPU units, which count only while both want more than there is, and
 * MiB. AWS advises 256 units from some traffic on; larger tasks have them.
 */
const proxyShare = { cpu: 64, memory: 64 }

export interface FargateServiceArgs {
  readonly platform: Platform
  readonly task: FargateTask
  readonly port: number
  /** By which others in the cluster call it, with the port; without one it only calls. */
  readonly alias?: string
  readonly count: Pick<Tasks, 'min' | 'max'>
  readonly targetGroup?: aws.lb.TargetGroup
  /** Whether more tasks come when messages wait. */
  readonly scalesByBacklog?: { readonly service: string }
  /** What must be done before its tasks are replaced. */
  readonly after?: readonly pulumi.Resource[]
}

/** Tasks that are kept running: replaced one by one, rolled back if the new ones fail, more of them when they are busy. */
export class FargateService extends pulumi.ComponentResource {
  readonly service: aws.ecs.Service

  constructor(name: string, args: FargateServiceArgs, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:FargateService', name, {}, options)
    const child = { parent: this }
    const { platform, task, count, targetGroup } = args
    const { region } = aws.getRegionOutput({}, child)

    this.service = new aws.ecs.Service(
      name,
      {
        name,
        cluster: platform.cluster.arn,
        taskDefinition: task.definition.arn,
        launchType: 'FARGATE',
        platformVersion: '1.4.0',
        desiredCount: count.min,
        deploymentMinimumHealthyPercent: 100,
        deploymentMaximumPercent: 200,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        availabilityZoneRebalancing: 'ENABLED',
        // A deployment that was rolled back is an update that failed.
        waitForSteadyState: true,
        enableEcsManagedTags: true,
        propagateTags: 'SERVICE',
        networkConfiguration: {
          subnets: [...platform.network.privateSubnetIds],
          securityGroups: [task.group.id],
          assignPublicIp: false,
        },
        ...(targetGroup === undefined
          ? {}
          : {
              loadBalancers: [{ targetGroupArn: targetGroup.arn, containerName: name, containerPort: args.port }],
              healthCheckGracePeriodSeconds: 60,
            }),
        serviceConnectConfiguration: {
          enabled: true,
          namespace: platform.namespace.arn,
          services:
            args.alias === undefined
              ? []
              : [
                  {
                    portName: 'main',
                    discoveryName: discoveryName(platform.stack, name),
                    clientAlias: [{ dnsName: args.alias, port: args.port }],
                    // Who answers limits the time of an answer; a stream of events has none.
                    timeout: { idleTimeoutSeconds: 300, perRequestTimeoutSeconds: 0 },
                  },
                ],
          logConfiguration: {
            logDriver: 'awslogs',
            options: {
              'awslogs-group': task.logs.name,
              'awslogs-region': region,
              'awslogs-stream-prefix': 'proxy',
            },
          },
        },
      },
      // How many tasks there are is for auto-scaling to say.
      { ...child, ignoreChanges: ['desiredCount'], dependsOn: [platform.network, task, ...(args.after ?? [])] },
    )
    this.#scale(name, args)
    this.registerOutputs({})
  }

  #scale(name: string, { platform, count, scalesByBacklog }: FargateServiceArgs): void {
    const child = { parent: this }
    const target = new aws.appautoscaling.Target(
      name,
      {
        serviceNamespace: 'ecs',
        scalableDimension: 'ecs:service:DesiredCount',
        resourceId: pulumi.interpolate`service/${platform.cluster.name}/${this.service.name}`,
        minCapacity: count.min,
        maxCapacity: count.max,
      },
      child,
    )
    const policy = (
      reason: string,
      configuration: aws.types.input.appautoscaling.PolicyTargetTrackingScalingPolicyConfiguration,
    ) =>
      new aws.appautoscaling.Policy(
        `${name}-${reason}`,
        {
          policyType: 'TargetTrackingScaling',
          serviceNamespace: target.serviceNamespace,
          scalableDimension: target.scalableDimension,
          resourceId: target.resourceId,
          targetTrackingScalingPolicyConfiguration: { scaleOutCooldown: 60, scaleInCooldown: 300, ...configuration },
        },
        child,
      )
    policy('cpu', {
      targetValue: 60,
      predefinedMetricSpecification: { predefinedMetricType: 'ECSServiceAverageCPUUtilization' },
    })
    policy('memory', {
      targetValue: 75,
      predefinedMetricSpecification: { predefinedMetricType: 'ECSServiceAverageMemoryUtilization' },
    })
    if (scalesByBacklog === undefined) return
    policy('backlog', {
      // Messages that wait in the longest queue, for each task.
      targetValue: 100,
      customizedMetricSpecification: {
        metrics: [
          {
            id: 'waiting',
            returnData: false,
            metricStat: {
              stat: 'Maximum',
              metric: {
                namespace: metricsNamespace(platform.stack),
                metricName: 'queue_messages',
                dimensions: [{ name: 'service', value: scalesByBacklog.service }],
              },
            },
          },
          {
            id: 'tasks',
            returnData: false,
            metricStat: {
              // Each task that runs gives one sample a minute.
              stat: 'SampleCount',
              metric: {
                namespace: 'AWS/ECS',
                metricName: 'CPUUtilization',
                dimensions: [
                  { name: 'ClusterName', value: platform.cluster.name },
                  { name: 'ServiceName', value: this.service.name },
                ],
              },
            },
          },
          { id: 'each', label: 'messages that wait, for each task', expression: 'waiting / tasks', returnData: true },
        ],
      },
    })
  }
}

/** Where the collector puts, and alarms find, the services' own metrics in CloudWatch. */
export function metricsNamespace(stack: string): string {
  return `feira/${stack}`
}

/** What a service is called in Cloud Map, and by the metrics of Service Connect: unique among the stacks of an account. */
export function discoveryName(stack: string, service: string): string {
  return `${stack}-${service}`
}
