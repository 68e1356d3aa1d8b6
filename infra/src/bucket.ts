import * as aws from '@pulumi/aws'
import type * as pulumi from '@pulumi/pulumi'

/** Keeps the public out of a bucket, whatever its policy or the list of an object says. */
export function blockPublicAccess(name: string, bucket: aws.s3.Bucket, options: pulumi.CustomResourceOptions): void {
  new aws.s3.BucketPublicAccessBlock(
    name,
    {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    options,
  )
}
