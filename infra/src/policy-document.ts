import * as pulumi from '@pulumi/pulumi'

export interface Statement {
  readonly actions: readonly string[]
  readonly resources: readonly pulumi.Input<string>[]
  /** Who is allowed, in a policy that hangs on a resource: an AWS service such as `logs.amazonaws.com`, or an account. */
  readonly principal?: { readonly Service: pulumi.Input<string> } | { readonly AWS: pulumi.Input<string> }
  readonly condition?: pulumi.Input<Record<string, unknown>>
  /** Why a `*` is needed, in CamelCase, beginning with Because: it becomes the statement's id, so that it is read in AWS too. */
  readonly because?: `Because${string}`
}

/**
 * An IAM policy as JSON. A `*` without a reason is refused by the policy pack.
 * @throws when two statements have one reason: AWS wants ids that differ.
 */
export function policyDocument(...statements: readonly Statement[]): pulumi.Output<string> {
  const reasons = statements.flatMap(({ because }) => because ?? [])
  const twice = reasons.find((reason, index) => reasons.indexOf(reason) !== index)
  if (twice !== undefined) throw new Error(`two statements of one policy are ${twice}`)
  return pulumi.jsonStringify({
    Version: '2012-10-17',
    Statement: statements.map(({ actions, resources, principal, condition, because }) => ({
      ...(because === undefined ? {} : { Sid: because }),
      Effect: 'Allow',
      ...(principal === undefined ? {} : { Principal: principal }),
      Action: actions,
      Resource: resources,
      ...(condition === undefined ? {} : { Condition: condition }),
    })),
  })
}
