import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Tasks } from './config.ts'
import { logGroup } from './log-group.ts'
import type { Platform } from './platform.ts'
import type { Statement } from './policy-document.ts'
import { securityGroup } from './security-group.ts'
import { serviceRole } from './service-role.ts'
import type { ServiceSecret } from './service-secret.ts'

export interface FargateTaskArgs {
  readonly platform: Platform
  readonly image: pulumi.Input<string>
  /** Of the repository that the image is in; without it the image is public. */
  readonly repositoryArn?: pulumi.Input<string>
  readonly size: Pick<Tasks, 'cpu' | 'memory'>
  readonly command?: readonly string[]
  /** The port that others call by HTTP; and further ones, by name. */
  readonly port: number
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

    this.group = securityGroup(name, platform.network.vpcId, `tasks of ${name}`, child)
    this.logs = logGroup(name, `/feira/${platform.stack}/${name}`, platform.logging, child)

    // What ECS needs to start the task; the program in it cannot use it.
    const execution = serviceRole(`${name}-execution`, 'ecs-tasks.amazonaws.com', platform.place, child, [
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
    const program = serviceRole(
      `${name}-task`,
      'ecs-tasks.amazonaws.com',
      platform.place,
      child,
      args.permissions ?? [],
    )

    const container = {
      name,
      image: args.image,
      essential: true,
      ...(args.command === undefined ? {} : { command: args.command }),
      cpu: args.size.cpu - proxyShare.cpu,
      memory: args.size.memory - proxyShare.memory,
      portMappings: [
        { name: 'main', containerPort: args.port, protocol: 'tcp', appProtocol: 'http' },
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
          'awslogs-region': platform.place.region,
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
