import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { policyDocument } from './policy-document.ts'

/** The key that encrypts what the stack stores: databases, logs, images, secrets, alarms. */
export function encryptionKey(stack: string, options: pulumi.ComponentResourceOptions): aws.kms.Key {
  const { accountId } = aws.getCallerIdentityOutput({}, options)
  const region = aws.getRegionOutput({}, options).region
  const key = new aws.kms.Key(
    'key',
    {
      description: `Feira ${stack}: databases, logs, images, secrets and alarms`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: policyDocument(
        {
          principal: { AWS: pulumi.interpolate`arn:aws:iam::${accountId}:root` },
          actions: ['kms:*'],
          resources: ['*'],
          because: 'BecauseTheAccountOwnsItsKeyAndAKeysPolicyIsAboutThatKeyAlone',
        },
        {
          principal: { Service: pulumi.interpolate`logs.${region}.amazonaws.com` },
          actions: [
            'kms:Encrypt',
            'kms:Decrypt',
            'kms:ReEncryptFrom',
            'kms:ReEncryptTo',
            'kms:GenerateDataKey',
            'kms:DescribeKey',
          ],
          resources: ['*'],
          condition: {
            ArnLike: {
              'kms:EncryptionContext:aws:logs:arn': [`/feira/${stack}/*`, `/aws/*/feira-${stack}-*`].map(
                path => pulumi.interpolate`arn:aws:logs:${region}:${accountId}:log-group:${path}`,
              ),
            },
          },
          because: 'BecauseLogsUseItAndAKeysPolicyIsAboutThatKeyAlone',
        },
        {
          principal: { Service: 'cloudwatch.amazonaws.com' },
          actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
          resources: ['*'],
          condition: { StringEquals: { 'aws:SourceAccount': accountId } },
          because: 'BecauseAlarmsUseItAndAKeysPolicyIsAboutThatKeyAlone',
        },
      ),
    },
    options,
  )
  new aws.kms.Alias('key', { name: `alias/feira-${stack}-data`, targetKeyId: key.keyId }, options)
  return key
}
