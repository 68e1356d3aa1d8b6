import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

/** An account, and a region in it. */
export interface Place {
  readonly accountId: pulumi.Output<string>
  readonly region: pulumi.Output<string>
}

/** Where the program deploys to. AWS is asked, so ask once and pass it on. */
export function deployedTo(options: pulumi.InvokeOptions = {}): Place {
  const { accountId } = aws.getCallerIdentityOutput({}, options)
  const { region } = aws.getRegionOutput({}, options)
  return { accountId, region }
}

/** Names what is there, for AWS. */
export function arnsIn({ accountId, region }: Place) {
  return (service: string, resource: pulumi.Input<string>) =>
    pulumi.interpolate`arn:aws:${service}:${region}:${accountId}:${resource}`
}
