import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import { arnsIn, type Place } from './place.ts'
import { policyDocument } from './policy-document.ts'

/** The key that encrypts what the stack stores: databases, logs, images, secrets, alarms. */
export function encryptionKey(stack: string, place: Place, options: pulumi.CustomResourceOptions): aws.kms.Key {
  const arn = arnsIn(place)
  const key = new aws.kms.Key(
    'key',
    {
      description: `Feira ${stack}: databases, logs, images, secrets and alarms`,
      enableKeyRotation: true,
      deletionWindowInDays: 30,
      policy: policyDocument(
        {
          principal: { AWS: pulumi.interpolate`arn:aws:iam::${place.accountId}:root` },
          actions: ['kms:*'],
          resources: ['*'],
          because: 'BecauseTheAccountOwnsItsKeyAndAKeysPolicyIsAboutThatKeyAlone',
        },
        {
          principal: { Service: pulumi.interpolate`logs.${place.region}.amazonaws.com` },
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
              'kms:EncryptionContext:aws:logs:arn': [`/feira/${stack}/*`, `/aws/*/feira-${stack}-*`].map(path =>
                arn('logs', `log-group:${path}`),
              ),
            },
          },
          because: 'BecauseLogsUseItAndAKeysPolicyIsAboutThatKeyAlone',
        },
        {
          principal: { Service: 'cloudwatch.amazonaws.com' },
          actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
          resources: ['*'],
          condition: { StringEquals: { 'aws:SourceAccount': place.accountId } },
          because: 'BecauseAlarmsUseItAndAKeysPolicyIsAboutThatKeyAlone',
        },
      ),
    },
    options,
  )
  new aws.kms.Alias('key', { name: `alias/feira-${stack}-data`, targetKeyId: key.keyId }, options)
  return key
}
