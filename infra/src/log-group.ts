import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'

export interface Logging {
  readonly stack: string
  readonly keyArn: pulumi.Input<string>
  /** How long logs are kept, in days. */
  readonly days: number
}

/**
 * An encrypted log group that forgets.
 * @param path its name in CloudWatch: `/feira/<stack>/…`, or what an AWS service calls its own, made before it does
 */
export function logGroup(
  name: string,
  path: string,
  { keyArn, days }: Logging,
  options: pulumi.CustomResourceOptions,
): aws.cloudwatch.LogGroup {
  return new aws.cloudwatch.LogGroup(name, { name: path, kmsKeyId: keyArn, retentionInDays: days }, options)
}
