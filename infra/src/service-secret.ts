import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

/** Secret variables of one service, kept together in Secrets Manager. */
export class ServiceSecret extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>
  /**
   * What a container definition says to be given them. It names the version: a value that changes makes a new task
   * definition, so it reaches the tasks, and those that a deployment rolls back to get the value they had.
   */
  readonly references: pulumi.Output<{ readonly name: string; readonly valueFrom: string }[]>

  constructor(
    name: string,
    stack: string,
    variables: Readonly<Record<string, pulumi.Input<string>>>,
    keyArn: pulumi.Input<string>,
    options: pulumi.ComponentResourceOptions,
  ) {
    super('feira:infra:ServiceSecret', name, {}, options)
    const child = { parent: this }
    const secret = new aws.secretsmanager.Secret(
      name,
      { namePrefix: `feira/${stack}/${name}-`, kmsKeyId: keyArn, recoveryWindowInDays: 7 },
      child,
    )
    const version = new aws.secretsmanager.SecretVersion(
      name,
      { secretId: secret.id, secretString: pulumi.secret(pulumi.jsonStringify(variables)) },
      child,
    )
    this.arn = secret.arn
    this.references = pulumi.all([secret.arn, version.versionId]).apply(([arn, versionId]) =>
      Object.keys(variables)
        .toSorted()
        .map(variable => ({ name: variable, valueFrom: `${arn}:${variable}::${versionId}` })),
    )
    this.registerOutputs({})
  }
}
