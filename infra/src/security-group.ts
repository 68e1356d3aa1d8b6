import * as aws from '@pulumi/aws'
import * as pulumi from '@pulumi/pulumi'

/** A security group that lets nothing in and nothing out; {@link allow} opens it. */
export function securityGroup(
  name: string,
  vpcId: pulumi.Input<string>,
  description: string,
  options: pulumi.CustomResourceOptions,
): aws.ec2.SecurityGroup {
  return new aws.ec2.SecurityGroup(
    name,
    { vpcId, description, tags: { Name: `feira-${pulumi.getStack()}-${name}` } },
    // A group that is replaced must exist before its users leave the old one.
    { ...options, deleteBeforeReplace: false },
  )
}

interface End {
  readonly name: string
  readonly group: aws.ec2.SecurityGroup
}

/** Opens a TCP port of `to` for `from`, at both ends. */
export function allow(from: End, to: End, port: number, options: pulumi.CustomResourceOptions): void {
  const rule = { ipProtocol: 'tcp', fromPort: port, toPort: port }
  new aws.vpc.SecurityGroupEgressRule(
    `${from.name}-to-${to.name}-${port}`,
    { ...rule, securityGroupId: from.group.id, referencedSecurityGroupId: to.group.id, description: `to ${to.name}` },
    options,
  )
  new aws.vpc.SecurityGroupIngressRule(
    `${to.name}-from-${from.name}-${port}`,
    {
      ...rule,
      securityGroupId: to.group.id,
      referencedSecurityGroupId: from.group.id,
      description: `from ${from.name}`,
    },
    options,
  )
}

/** Lets `from` call addresses outside of the VPC: at one TCP port, or at all. */
export function allowOutside(from: End, port: number | 'any', options: pulumi.CustomResourceOptions): void {
  new aws.vpc.SecurityGroupEgressRule(
    `${from.name}-to-outside-${port}`,
    {
      securityGroupId: from.group.id,
      cidrIpv4: '0.0.0.0/0',
      ...(port === 'any'
        ? { ipProtocol: 'tcp', fromPort: 1, toPort: 65_535, description: 'to addresses that others choose' }
        : { ipProtocol: 'tcp', fromPort: port, toPort: port, description: 'to AWS, and out' }),
    },
    options,
  )
}
