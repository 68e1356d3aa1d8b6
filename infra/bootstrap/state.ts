import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { blockPublicAccess } from '../src/bucket.ts'
import { policyDocument, type Statement } from '../src/policy-document.ts'
import type { Place } from '../src/place.ts'

/** By which Pulumi names the key. */
export const stateKeyAlias = 'alias/feira-pulumi'

/** A key with this tag is out of reach for deployments. */
export const stateTag = { key: 'feira:part', value: 'bootstrap' }

/** Where Pulumi keeps what it knows of the stacks, and the key that the secrets in it are encrypted with. */
export class State extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>
  readonly reading: aws.iam.Policy
  readonly writing: aws.iam.Policy

  /** @param protect whether they are kept from being deleted */
  constructor(name: string, { accountId, region }: Place, protect: boolean) {
    super('feira:bootstrap:State', name, {})
    const child = { parent: this }
    const key = new aws.kms.Key(
      name,
      {
        description: 'The state of Pulumi, and the secrets in it',
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        tags: { [stateTag.key]: stateTag.value },
        policy: policyDocument({
          principal: { AWS: pulumi.interpolate`arn:aws:iam::${accountId}:root` },
          actions: ['kms:*'],
          resources: ['*'],
          because: 'BecauseTheAccountOwnsItsKeyAndAKeysPolicyIsAboutThatKeyAlone',
        }),
      },
      { ...child, protect },
    )
    new aws.kms.Alias(name, { name: stateKeyAlias, targetKeyId: key.keyId }, child)

    const bucket = new aws.s3.Bucket(
      name,
      { bucket: pulumi.interpolate`feira-pulumi-${accountId}-${region}`, forceDestroy: !protect },
      { ...child, protect },
    )
    this.bucketName = bucket.bucket
    blockPublicAccess(name, bucket, child)
    new aws.s3.BucketVersioning(name, { bucket: bucket.id, versioningConfiguration: { status: 'Enabled' } }, child)
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      {
        bucket: bucket.id,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: key.arn },
            bucketKeyEnabled: true,
          },
        ],
      },
      child,
    )
    new aws.s3.BucketLifecycleConfiguration(
      name,
      {
        bucket: bucket.id,
        rules: [
          {
            id: 'forget',
            status: 'Enabled',
            filter: { prefix: '' },
            // Long enough to notice that a state was lost, and to bring it back.
            noncurrentVersionExpiration: { noncurrentDays: 90 },
            expiration: { expiredObjectDeleteMarker: true },
            abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
          },
        ],
      },
      child,
    )
    new aws.s3.BucketPolicy(
      name,
      {
        bucket: bucket.id,
        policy: pulumi.jsonStringify({
          Version: '2012-10-17',
          Statement: [
            {
              Sid: 'OnlyByTls',
              Effect: 'Deny',
              Principal: '*',
              Action: 's3:*',
              Resource: [bucket.arn, pulumi.interpolate`${bucket.arn}/*`],
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        }),
      },
      child,
    )

    const policy = (access: string, objectActions: readonly string[], keyActions: readonly string[]) => {
      const statements: readonly Statement[] = [
        { actions: ['s3:ListBucket'], resources: [bucket.arn] },
        {
          actions: objectActions,
          resources: [pulumi.interpolate`${bucket.arn}/*`],
          because: 'BecausePulumiNamesItsFilesItself',
        },
        { actions: keyActions, resources: [key.arn] },
      ]
      return new aws.iam.Policy(
        `feira-state-${access}`,
        { name: `feira-state-${access}`, policy: policyDocument(...statements) },
        child,
      )
    }
    // A preview takes no lock.
    this.reading = policy('read', ['s3:GetObject'], ['kms:Decrypt'])
    this.writing = policy(
      'write',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'],
    )
    this.registerOutputs({})
  }
}
