import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { StackConfig } from './config.ts'
import type { Network } from './network.ts'
import { password } from './password.ts'
import { securityGroup } from './security-group.ts'

export const brokerPort = 5_671

/** RabbitMQ by Amazon MQ, in the data subnets: one node, or a cluster of three. */
export class Broker extends pulumi.ComponentResource {
  readonly name: string
  readonly group: aws.ec2.SecurityGroup
  /** With its password, hence secret. */
  readonly url: pulumi.Output<string>

  constructor(
    name: string,
    stack: string,
    { broker, protect }: StackConfig,
    network: Network,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:Broker', name, {}, options)
    const child = { parent: this }
    this.name = `feira-${stack}`
    this.group = securityGroup(name, network.vpcId, 'RabbitMQ', child)
    const secret = password(name, 40, child)
    const made = new aws.mq.Broker(
      name,
      {
        brokerName: this.name,
        engineType: 'RabbitMQ',
        engineVersion: '4.2',
        autoMinorVersionUpgrade: true,
        applyImmediately: true,
        hostInstanceType: broker.instance,
        deploymentMode: broker.cluster ? 'CLUSTER_MULTI_AZ' : 'SINGLE_INSTANCE',
        publiclyAccessible: false,
        subnetIds: broker.cluster ? [...network.dataSubnetIds] : network.dataSubnetIds.slice(0, 1),
        securityGroups: [this.group.id],
        users: [{ username: 'feira', password: secret }],
        // Encrypted with a key of AWS. No logs: it would keep them in groups that it makes itself, for ever.
        maintenanceWindowStartTime: { dayOfWeek: 'SUNDAY', timeOfDay: '04:00', timeZone: 'UTC' },
      },
      // It brings itself to newer minor versions. To become a cluster it is replaced, and what is in its queues is gone.
      { ...child, ignoreChanges: ['engineVersion'], protect },
    )
    const address = made.instances.apply(([instance]) => new URL(instance?.endpoints?.[0] ?? 'amqps://unknown').host)
    this.url = pulumi.secret(pulumi.interpolate`amqps://feira:${secret}@${address}`)
    this.registerOutputs({})
  }
}
