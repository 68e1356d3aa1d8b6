import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'
import type { Place } from './place.ts'
import { policyDocument, type Statement } from './policy-document.ts'

/**
 * A role that an AWS service acts in. Who deploys may make roles under this path alone, and only within this boundary:
 * see infra/bootstrap.
 */
export function serviceRole(
  name: string,
  service: 'ecs-tasks.amazonaws.com' | 'vpc-flow-logs.amazonaws.com',
  { accountId }: Place,
  options: pulumi.CustomResourceOptions,
  statements: readonly Statement[],
): aws.iam.Role {
  const role = new aws.iam.Role(
    name,
    {
      path: '/feira/',
      permissionsBoundary: pulumi.interpolate`arn:aws:iam::${accountId}:policy/feira-boundary`,
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      }),
    },
    options,
  )
  if (statements.length > 0) {
    new aws.iam.RolePolicy(name, { role: role.id, policy: policyDocument(...statements) }, options)
  }
  return role
}
