import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Tasks } from './config.ts'
import type { FargateTask } from './fargate-task.ts'
import { discoveryName, metricsNamespace, type Platform } from './platform.ts'

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
  readonly #service: aws.ecs.Service

  constructor(name: string, args: FargateServiceArgs, options: pulumi.ComponentResourceOptions) {
    super('feira:infra:FargateService', name, {}, options)
    const child = { parent: this }
    const { platform, task, count, targetGroup } = args

    this.#service = new aws.ecs.Service(
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
              'awslogs-region': platform.place.region,
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
        resourceId: pulumi.interpolate`service/${platform.cluster.name}/${this.#service.name}`,
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
                  { name: 'ServiceName', value: this.#service.name },
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
