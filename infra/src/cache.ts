import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { StackConfig } from './config.ts'
import type { Network } from './network.ts'
import { password } from './password.ts'
import { securityGroup } from './security-group.ts'

export const cachePort = 6_379

/** Valkey by ElastiCache, in the data subnets. It may be lost: who uses it goes on without. */
export class Cache extends pulumi.ComponentResource {
  readonly group: aws.ec2.SecurityGroup
  /** With its password, hence secret. */
  readonly url: pulumi.Output<string>

  constructor(
    name: string,
    stack: string,
    { cache }: StackConfig,
    network: Network,
    keyArn: pulumi.Input<string>,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:Cache', name, {}, options)
    const child = { parent: this }
    this.group = securityGroup(name, network.vpcId, 'Valkey', child)
    const secret = password(name, 40, child)
    const subnets = new aws.elasticache.SubnetGroup(name, { subnetIds: [...network.dataSubnetIds] }, child)
    const parameters = new aws.elasticache.ParameterGroup(
      name,
      { family: 'valkey8', parameters: [{ name: 'maxmemory-policy', value: 'allkeys-lru' }] },
      child,
    )
    const group = new aws.elasticache.ReplicationGroup(
      name,
      {
        replicationGroupId: `feira-${stack}`,
        description: 'Caches and the rate limits of partners',
        engine: 'valkey',
        engineVersion: '8.0',
        nodeType: cache.node,
        port: cachePort,
        numCacheClusters: 1 + cache.replicas,
        automaticFailoverEnabled: cache.replicas > 0,
        multiAzEnabled: cache.replicas > 0,
        subnetGroupName: subnets.name,
        parameterGroupName: parameters.name,
        securityGroupIds: [this.group.id],
        atRestEncryptionEnabled: true,
        kmsKeyId: keyArn,
        transitEncryptionEnabled: true,
        authToken: secret,
        snapshotRetentionLimit: 0,
        maintenanceWindow: 'sun:04:30-sun:05:30',
        applyImmediately: true,
      },
      child,
    )
    this.url = pulumi.secret(pulumi.interpolate`rediss://:${secret}@${group.primaryEndpointAddress}:${cachePort}`)
    this.registerOutputs({})
  }
}
