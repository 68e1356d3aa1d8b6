import * as pulumi from '@pulumi/pulumi'

/** An account, and a region in it. */
export interface Place {
  readonly accountId: pulumi.Input<string>
  readonly region: pulumi.Input<string>
}

/** Names what is there, for AWS. */
export function arnsIn({ accountId, region }: Place) {
  return (service: string, resource: string) =>
    pulumi.interpolate`arn:aws:${service}:${region}:${accountId}:${resource}`
}
