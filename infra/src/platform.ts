import type * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'
import type { StackConfig } from './config.ts'
import type { Logging } from './log-group.ts'
import type { Network } from './network.ts'
import type { Place } from './place.ts'

/** What all services of a stack run in. */
export interface Platform {
  readonly stack: string
  readonly place: Place
  readonly config: StackConfig
  readonly network: Network
  readonly cluster: aws.ecs.Cluster
  readonly namespace: aws.servicediscovery.HttpNamespace
  readonly keyArn: pulumi.Input<string>
  readonly logging: Logging
}

/** Where the collector puts, and alarms find, the services' own metrics in CloudWatch. */
export function metricsNamespace(stack: string): string {
  return `feira/${stack}`
}

/** What a service is called in Cloud Map, and by the metrics of Service Connect: unique among the stacks of an account. */
export function discoveryName(stack: string, service: string): string {
  return `${stack}-${service}`
}
